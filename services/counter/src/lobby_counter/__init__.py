"""The ledger: entries, corrections, waits, counters and sheets."""
