"""Use-cases: load, decide, save, tell.

Each runs inside a transaction that its caller opened, but for sending, which calls neighbours between two of them.
"""
