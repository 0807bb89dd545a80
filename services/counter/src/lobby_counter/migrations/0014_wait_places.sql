-- Expands: waits know the place of their conversation, which never changes: figures of waits read no conversation, however
-- many of these there are.
ALTER TABLE wait
    ADD COLUMN channel_user_id uuid,
    ADD COLUMN account_id uuid,
    ADD COLUMN platform smallint;

-- Nothing that is rolled up changes by this.
ALTER TABLE wait DISABLE TRIGGER USER;
UPDATE wait AS w
SET channel_user_id = c.channel_user_id, account_id = c.account_id, platform = c.platform
FROM conversation AS c
WHERE c.conversation_id = w.conversation_id;
ALTER TABLE wait ENABLE TRIGGER USER;

-- Code of before does not say where a wait is.
CREATE FUNCTION place_wait() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    SELECT c.channel_user_id, c.account_id, c.platform
    INTO NEW.channel_user_id, NEW.account_id, NEW.platform
    FROM conversation AS c
    WHERE c.conversation_id = NEW.conversation_id;
    RETURN NEW;
END
$$;
CREATE TRIGGER wait_has_a_place BEFORE INSERT ON wait FOR EACH ROW WHEN (NEW.account_id IS NULL)
    EXECUTE FUNCTION place_wait();

-- What figures of waits that are over read of them: their rows are several times as wide.
CREATE INDEX wait_measured ON wait (workspace_id, owed_since) INCLUDE (
    wait_id, account_id, platform, agent_id, channel_user_id, first, end_time, ending, close_reason, received_time,
    late_time, window_lost_time, unanswered_time, business_time, queue_time
) WHERE end_time IS NOT NULL;
CREATE INDEX wait_caused ON wait (workspace_id, owed_since)
WHERE late_cause IS NOT NULL OR lost_window_cause IS NOT NULL OR unanswered_cause IS NOT NULL;
-- So that the index alone says what it holds, also of the last days.
ALTER TABLE wait SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
