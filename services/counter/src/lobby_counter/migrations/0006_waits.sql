-- Expands: what waits are made of and by when they had to end; what else may have been the reason; schedules; missed waits by hours.

ALTER TABLE wait
    -- When Lobby took in the message with which it begins; NULL: that was not told.
    ADD COLUMN received_time timestamptz,
    -- The first one of its conversation, or the first since that was closed for long.
    ADD COLUMN first boolean NOT NULL DEFAULT false,
    -- Who had the conversation, in order: [[agent, since, why nobody, the agent who moved it], …].
    ADD COLUMN holds jsonb NOT NULL DEFAULT '[]',
    -- When the platform's reply window closed on it.
    ADD COLUMN window_lost_time timestamptz,
    -- Its deadlines by the schedules in force then: answered after the first it is late; the second is the close of the next
    -- business day. Infinity: business time never gets there. NULL: to be found yet.
    ADD COLUMN late_time timestamptz,
    ADD COLUMN unanswered_time timestamptz,
    -- How long it was on the business clock; NULL while it is open, or not found yet.
    ADD COLUMN business_time interval;
CREATE INDEX wait_start ON wait (workspace_id, owed_since);
CREATE INDEX wait_end ON wait (workspace_id, end_time) WHERE end_time IS NOT NULL;
-- Waits of before, and those that code of before writes: a task finds their deadlines.
CREATE INDEX wait_undated ON wait (workspace_id) WHERE late_time IS NULL;

ALTER TABLE conversation
    -- Since when whoever has it has it, why nobody has, and who moved it there himself.
    ADD COLUMN hold_time timestamptz,
    ADD COLUMN pool_reason text NOT NULL DEFAULT '',
    ADD COLUMN hold_by_agent_id uuid,
    -- Its customer waited before; NULL: as its waits say.
    ADD COLUMN waited boolean,
    ADD COLUMN close_time timestamptz;

-- When people of a workspace work, and for how long a customer may wait. A version holds from its start until the next
-- one's, and is never changed: an edit is another version, and the past stays as it was.
CREATE TABLE schedule (
    schedule_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    start_time timestamptz NOT NULL,
    time_zone text NOT NULL,
    -- [[weekday, first minute, last minute], …], weekday 0 is Monday. Empty: round the clock.
    intervals jsonb NOT NULL,
    holidays date[] NOT NULL,
    target_seconds integer NOT NULL CHECK (target_seconds > 0),
    actor text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT schedule_start UNIQUE (workspace_id, start_time)
);
CREATE TRIGGER schedule_is_frozen BEFORE UPDATE OR DELETE ON schedule
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Answers that the platform did not accept, by the conversation in which they were written.
CREATE TABLE send_failure (
    event_id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL,
    fail_time timestamptz NOT NULL
);
CREATE INDEX send_failure_conversation ON send_failure (conversation_id, fail_time);

-- What the state of an account changed to.
CREATE TABLE account_state (
    event_id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    state_time timestamptz NOT NULL,
    state text NOT NULL
);
CREATE INDEX account_state_account ON account_state (account_id, state_time);

-- Waits that are over and were missed, by the slots in which they began; those that are open are few, and are looked at.
CREATE TABLE missed (
    workspace_id uuid NOT NULL,
    width smallint NOT NULL CHECK (width IN (15, 60)),
    slot timestamptz NOT NULL,
    account_id uuid NOT NULL,
    platform smallint NOT NULL,
    agent_id uuid,
    late bigint NOT NULL,
    lost_window bigint NOT NULL,
    unanswered bigint NOT NULL,
    CONSTRAINT missed_key UNIQUE NULLS NOT DISTINCT (workspace_id, width, slot, account_id, platform, agent_id)
) WITH (fillfactor = 70);

-- Waits (`told`) that are over and were missed are added to the roll-ups, or taken out of them: 1 or -1.
CREATE FUNCTION roll_up_missed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    weight CONSTANT integer := TG_ARGV[0];
BEGIN
    INSERT INTO missed (workspace_id, width, slot, account_id, platform, agent_id, late, lost_window, unanswered)
    SELECT
        w.workspace_id, s.width, s.slot, c.account_id, c.platform, w.agent_id,
        weight * count(*) FILTER (WHERE w.late_time < w.end_time),
        weight * count(*) FILTER (WHERE w.window_lost_time <= w.end_time),
        weight * count(*) FILTER (WHERE w.unanswered_time < w.end_time)
    FROM told AS w
    JOIN conversation AS c ON c.conversation_id = w.conversation_id
    CROSS JOIN slots(w.owed_since) AS s
    WHERE w.late_time < w.end_time OR w.window_lost_time <= w.end_time OR w.unanswered_time < w.end_time
    GROUP BY w.workspace_id, s.width, s.slot, c.account_id, c.platform, w.agent_id
    ORDER BY w.workspace_id, s.width, s.slot, c.account_id, c.platform, w.agent_id
    ON CONFLICT ON CONSTRAINT missed_key
    DO UPDATE SET
        late = missed.late + excluded.late,
        lost_window = missed.lost_window + excluded.lost_window,
        unanswered = missed.unanswered + excluded.unanswered;
    RETURN NULL;
END
$$;
CREATE TRIGGER missed_wait_is_rolled_up AFTER INSERT ON wait REFERENCING NEW TABLE AS told
    FOR EACH STATEMENT EXECUTE FUNCTION roll_up_missed('1');
CREATE TRIGGER missed_wait_is_taken_out AFTER DELETE ON wait REFERENCING OLD TABLE AS told
    FOR EACH STATEMENT EXECUTE FUNCTION roll_up_missed('-1');
CREATE TRIGGER missed_wait_of_before_is_taken_out AFTER UPDATE ON wait REFERENCING OLD TABLE AS told
    FOR EACH STATEMENT EXECUTE FUNCTION roll_up_missed('-1');
CREATE TRIGGER missed_wait_of_now_is_rolled_up AFTER UPDATE ON wait REFERENCING NEW TABLE AS told
    FOR EACH STATEMENT EXECUTE FUNCTION roll_up_missed('1');
