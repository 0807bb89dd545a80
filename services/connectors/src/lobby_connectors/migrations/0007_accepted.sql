-- Expands: what was accepted in a long period is summed from an index alone.
DROP INDEX CONCURRENTLY IF EXISTS raw_webhook_accepted;
CREATE INDEX CONCURRENTLY raw_webhook_accepted ON raw_webhook (workspace_id, received_time)
INCLUDE (account_id, n_said, n_new, n_duplicate, n_ignored, n_problems, rules);
