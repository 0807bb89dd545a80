-- Expands: channel users who were forgotten; schedules of accounts; wrap-up.

-- Channel users who were forgotten: digests of their chat addresses are to go.
CREATE TABLE forgetting (
    channel_user_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    -- Digests that went; by them is found what was still on its way. They go with this row.
    chat_ids uuid[] NOT NULL DEFAULT '{}',
    passes integer NOT NULL DEFAULT 0,
    due_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX forgetting_due_time ON forgetting (due_time);

-- A schedule may be one account's: from its first one on the workspace's do not hold there. NULL: the whole workspace's.
ALTER TABLE schedule
    ADD COLUMN account_id uuid,
    DROP CONSTRAINT schedule_start,
    ADD CONSTRAINT schedule_start UNIQUE NULLS NOT DISTINCT (workspace_id, account_id, start_time);

-- The agent had said that he wraps it up.
ALTER TABLE handled ADD COLUMN wrap_up boolean NOT NULL DEFAULT false;
