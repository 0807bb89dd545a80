-- Expands: what misses came from, and which assignments came to nothing.

ALTER TABLE wait
    -- How long nobody had the conversation; NULL while it is open, and of waits of before.
    ADD COLUMN queue_time interval,
    -- Which agents opened the conversation while it was open, in order: [[agent, when], …].
    ADD COLUMN opened jsonb NOT NULL DEFAULT '[]',
    -- When a bot answered, which ends nothing.
    ADD COLUMN bot_time timestamptz,
    -- One cause for each way in which it was missed, once it is over.
    ADD COLUMN late_cause text,
    ADD COLUMN lost_window_cause text,
    ADD COLUMN unanswered_cause text,
    -- They are as everything says that is known.
    ADD COLUMN explained boolean NOT NULL DEFAULT false;
CREATE INDEX wait_unexplained ON wait (workspace_id)
WHERE NOT explained
    AND end_time IS NOT NULL
    AND (late_time < end_time OR window_lost_time <= end_time OR unanswered_time < end_time);

-- Assignments that came to nothing, of waits that are over.
CREATE TABLE agent_miss (
    wait_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    start_time timestamptz NOT NULL,
    miss_time timestamptz NOT NULL,
    PRIMARY KEY (wait_id, agent_id, start_time)
);

-- Open waits whose deadlines are to be found anew, because a schedule was made that they reach into.
ALTER TABLE wait ADD COLUMN redate boolean NOT NULL DEFAULT false;
CREATE INDEX wait_redated ON wait (workspace_id) WHERE redate;
