-- Expands: waits that may have something to explain are found by an index that the planner knows to be small.
DROP INDEX wait_unexplained;
CREATE INDEX wait_unexplained ON wait (workspace_id) WHERE NOT explained AND end_time IS NOT NULL;
