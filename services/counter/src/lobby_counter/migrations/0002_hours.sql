-- Figures of long periods are read from few rows: traffic is kept by hours beside its quarters, and holds entries too.

-- Nobody writes while it changes.
LOCK TABLE traffic, entry, verdict IN SHARE ROW EXCLUSIVE MODE;

-- The roll-ups that hold an instant: their width in minutes, and where they begin.
CREATE FUNCTION slots(at timestamptz) RETURNS TABLE (width smallint, slot timestamptz)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    VALUES
        (15::smallint, date_bin('15 minutes', at, '1970-01-01 00:00:00+00')),
        (60::smallint, date_bin('60 minutes', at, '1970-01-01 00:00:00+00'))
$$;

ALTER TABLE traffic
    ADD COLUMN width smallint NOT NULL DEFAULT 15 CHECK (width IN (15, 60)),
    -- Entries at the workspace's own counter that occurred in the slot, by their present verdict and agent.
    ADD COLUMN new bigint NOT NULL DEFAULT 0,
    ADD COLUMN repeat bigint NOT NULL DEFAULT 0,
    ADD COLUMN excluded bigint NOT NULL DEFAULT 0,
    DROP CONSTRAINT traffic_key,
    ADD CONSTRAINT traffic_key UNIQUE NULLS NOT DISTINCT (workspace_id, width, slot, account_id, platform, agent_id);
-- Code that does not know of widths would keep quarters only: it is to fail, and to be repeated by code that does.
ALTER TABLE traffic ALTER COLUMN width DROP DEFAULT;

INSERT INTO traffic (workspace_id, width, slot, account_id, platform, agent_id, messages_in, messages_out)
SELECT t.workspace_id, s.width, s.slot, t.account_id, t.platform, t.agent_id, sum(t.messages_in), sum(t.messages_out)
FROM traffic AS t
CROSS JOIN slots(t.slot) AS s
WHERE s.width > t.width
GROUP BY t.workspace_id, s.width, s.slot, t.account_id, t.platform, t.agent_id;

INSERT INTO traffic (workspace_id, width, slot, account_id, platform, agent_id, new, repeat, excluded)
SELECT
    e.workspace_id, s.width, s.slot, e.account_id, e.platform, e.agent_id,
    count(*) FILTER (WHERE v.verdict = 'new'),
    count(*) FILTER (WHERE v.verdict = 'repeat'),
    count(*) FILTER (WHERE v.verdict = 'excluded')
FROM entry AS e
JOIN verdict AS v ON v.counter_id = e.workspace_id AND v.entry_id = e.entry_id
CROSS JOIN slots(e.occurred_time) AS s
GROUP BY e.workspace_id, s.width, s.slot, e.account_id, e.platform, e.agent_id
ON CONFLICT ON CONSTRAINT traffic_key
DO UPDATE SET new = excluded.new, repeat = excluded.repeat, excluded = excluded.excluded;

-- From here on each statement that changes an entry or a verdict, whoever sends it, changes the roll-ups by as much: by
-- what it wrote, as the other table stands. So none may write both tables at once.

-- Verdicts (`judged`) are added to the roll-ups of their entries, or taken out of them: 1 or -1.
CREATE FUNCTION roll_up_verdicts() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    weight CONSTANT integer := TG_ARGV[0];
BEGIN
    INSERT INTO traffic (workspace_id, width, slot, account_id, platform, agent_id, new, repeat, excluded)
    SELECT
        e.workspace_id, s.width, s.slot, e.account_id, e.platform, e.agent_id,
        weight * count(*) FILTER (WHERE j.verdict = 'new'),
        weight * count(*) FILTER (WHERE j.verdict = 'repeat'),
        weight * count(*) FILTER (WHERE j.verdict = 'excluded')
    FROM judged AS j
    JOIN entry AS e ON e.entry_id = j.entry_id AND e.workspace_id = j.counter_id
    CROSS JOIN slots(e.occurred_time) AS s
    GROUP BY e.workspace_id, s.width, s.slot, e.account_id, e.platform, e.agent_id
    ORDER BY e.workspace_id, s.width, s.slot, e.account_id, e.platform, e.agent_id
    ON CONFLICT ON CONSTRAINT traffic_key
    DO UPDATE SET
        new = traffic.new + excluded.new,
        repeat = traffic.repeat + excluded.repeat,
        excluded = traffic.excluded + excluded.excluded;
    RETURN NULL;
END
$$;
CREATE TRIGGER verdict_is_rolled_up AFTER INSERT ON verdict REFERENCING NEW TABLE AS judged
    FOR EACH STATEMENT EXECUTE FUNCTION roll_up_verdicts('1');
CREATE TRIGGER verdict_is_taken_out AFTER DELETE ON verdict REFERENCING OLD TABLE AS judged
    FOR EACH STATEMENT EXECUTE FUNCTION roll_up_verdicts('-1');
CREATE TRIGGER verdict_of_before_is_taken_out AFTER UPDATE ON verdict REFERENCING OLD TABLE AS judged
    FOR EACH STATEMENT EXECUTE FUNCTION roll_up_verdicts('-1');
CREATE TRIGGER verdict_of_now_is_rolled_up AFTER UPDATE ON verdict REFERENCING NEW TABLE AS judged
    FOR EACH STATEMENT EXECUTE FUNCTION roll_up_verdicts('1');

-- Entries that have another time or agent count there. (A new one has no verdict yet; one with a verdict cannot go.)
CREATE FUNCTION move_rolled_up() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO traffic (workspace_id, width, slot, account_id, platform, agent_id, new, repeat, excluded)
    SELECT
        n.workspace_id, s.width, s.slot, n.account_id, n.platform, side.agent_id,
        coalesce(sum(side.weight) FILTER (WHERE v.verdict = 'new'), 0),
        coalesce(sum(side.weight) FILTER (WHERE v.verdict = 'repeat'), 0),
        coalesce(sum(side.weight) FILTER (WHERE v.verdict = 'excluded'), 0)
    FROM before AS o
    JOIN after AS n
        ON n.entry_id = o.entry_id AND (n.agent_id, n.occurred_time) IS DISTINCT FROM (o.agent_id, o.occurred_time)
    JOIN verdict AS v ON v.counter_id = n.workspace_id AND v.entry_id = n.entry_id
    CROSS JOIN LATERAL (VALUES (-1, o.agent_id, o.occurred_time), (1, n.agent_id, n.occurred_time))
        AS side (weight, agent_id, occurred_time)
    CROSS JOIN slots(side.occurred_time) AS s
    GROUP BY n.workspace_id, s.width, s.slot, n.account_id, n.platform, side.agent_id
    ORDER BY n.workspace_id, s.width, s.slot, n.account_id, n.platform, side.agent_id
    ON CONFLICT ON CONSTRAINT traffic_key
    DO UPDATE SET
        new = traffic.new + excluded.new,
        repeat = traffic.repeat + excluded.repeat,
        excluded = traffic.excluded + excluded.excluded;
    RETURN NULL;
END
$$;
CREATE TRIGGER entry_is_moved AFTER UPDATE ON entry REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION move_rolled_up();
