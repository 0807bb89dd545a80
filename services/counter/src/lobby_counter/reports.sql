-- name: compare_counters
-- How two counters judge the entries of a period. Parameters: workspace, from, to, counter, other counter.
SELECT
    coalesce(v.verdict, 'none') AS verdict,
    coalesce(v.reason, '') AS reason,
    coalesce(o.verdict, 'none') AS other_verdict,
    coalesce(o.reason, '') AS other_reason,
    count(*) AS entries,
    count(DISTINCT u.contact_id) AS people
FROM entry AS e
JOIN channel_user AS u ON u.channel_user_id = e.channel_user_id
LEFT JOIN verdict AS v ON v.counter_id = $4 AND v.entry_id = e.entry_id
LEFT JOIN verdict AS o ON o.counter_id = $5 AND o.entry_id = e.entry_id
WHERE e.workspace_id = $1
    AND e.occurred_time >= $2
    AND e.occurred_time < $3
    AND (coalesce(v.verdict, 'none') <> 'none' OR coalesce(o.verdict, 'none') <> 'none')
GROUP BY 1, 2, 3, 4
ORDER BY entries DESC, 1, 2, 3, 4

-- name: list_differences
-- A page of entries with other verdicts at two counters, in the order in which they are judged.
SELECT
    e.entry_id::text, e.event_id::text, u.contact_id::text, e.account_id::text, e.occurred_time,
    coalesce(v.verdict, 'none') AS verdict,
    coalesce(v.reason, '') AS reason,
    v.repeat_of::text,
    coalesce(o.verdict, 'none') AS other_verdict,
    coalesce(o.reason, '') AS other_reason,
    o.repeat_of::text AS other_repeat_of
FROM entry AS e
JOIN channel_user AS u ON u.channel_user_id = e.channel_user_id
LEFT JOIN verdict AS v ON v.counter_id = $4 AND v.entry_id = e.entry_id
LEFT JOIN verdict AS o ON o.counter_id = $5 AND o.entry_id = e.entry_id
WHERE e.workspace_id = $1
    AND e.occurred_time >= $2
    AND e.occurred_time < $3
    AND coalesce(v.verdict, 'none') <> coalesce(o.verdict, 'none')
    AND ($6::timestamptz IS NULL OR (e.occurred_time, e.event_id) > ($6, $7::uuid))
ORDER BY e.occurred_time, e.event_id
LIMIT $8

-- name: count_touches
-- What campaigns and ads brought in a period. Parameters: workspace, from, to, counter, account, platform, agent.
SELECT
    e.campaign_id,
    e.platform,
    count(DISTINCT u.contact_id) AS people,
    count(*) FILTER (WHERE v.verdict = 'new') AS new,
    count(*) FILTER (WHERE v.verdict = 'repeat') AS repeat,
    count(*) FILTER (WHERE v.verdict = 'excluded') AS excluded,
    count(*) FILTER (WHERE v.verdict = 'repeat' AND v.first_verdict = 'new') AS found_later
FROM entry AS e
JOIN verdict AS v ON v.counter_id = $4 AND v.entry_id = e.entry_id AND v.verdict <> 'none'
JOIN channel_user AS u ON u.channel_user_id = e.channel_user_id
WHERE e.workspace_id = $1
    AND e.occurred_time >= $2
    AND e.occurred_time < $3
    AND ($5::uuid IS NULL OR e.account_id = $5)
    AND ($6::smallint IS NULL OR e.platform = $6)
    AND ($7::uuid IS NULL OR e.agent_id = $7)
GROUP BY e.campaign_id, e.platform
ORDER BY people DESC, e.campaign_id, e.platform
