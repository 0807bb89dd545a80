-- Entries that have another time or agent are found without joining before and after: a plan is made when these are small
-- or empty, kept, and then took the square of a batch.
CREATE OR REPLACE FUNCTION move_rolled_up() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO traffic (workspace_id, width, slot, account_id, platform, agent_id, new, repeat, excluded)
    SELECT
        e.workspace_id, s.width, s.slot, e.account_id, e.platform, e.agent_id,
        coalesce(sum(e.weight) FILTER (WHERE v.verdict = 'new'), 0),
        coalesce(sum(e.weight) FILTER (WHERE v.verdict = 'repeat'), 0),
        coalesce(sum(e.weight) FILTER (WHERE v.verdict = 'excluded'), 0)
    FROM (
        -- What is the same before and after cancels out.
        SELECT entry_id, workspace_id, account_id, platform, agent_id, occurred_time, sum(weight) AS weight
        FROM (
            SELECT entry_id, workspace_id, account_id, platform, agent_id, occurred_time, -1 AS weight
            FROM before
            UNION ALL
            SELECT entry_id, workspace_id, account_id, platform, agent_id, occurred_time, 1
            FROM after
        ) AS side
        GROUP BY entry_id, workspace_id, account_id, platform, agent_id, occurred_time
        HAVING sum(weight) <> 0
    ) AS e
    JOIN verdict AS v ON v.counter_id = e.workspace_id AND v.entry_id = e.entry_id
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
