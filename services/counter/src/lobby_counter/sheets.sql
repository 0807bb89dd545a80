-- name: insert_sheet
-- There is a sheet of which nothing is closed.
INSERT INTO sheet (
    sheet_id, workspace_id, counter_id, display_name, rule, start_day, create_time, end_day, next_day, next_close_time,
    digest
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $6, $9, $10)

-- name: list_sheets
-- A page of a workspace's sheets, oldest first; one of them where it is named.
SELECT rule, end_day, next_day, closed_days, digest, new, repeat, excluded
FROM sheet
WHERE workspace_id = $1
    AND ($2::uuid IS NULL OR sheet_id = $2)
    AND ($3::timestamptz IS NULL OR (create_time, sheet_id) > ($3, $4::uuid))
ORDER BY create_time, sheet_id
LIMIT $5

-- name: serves_sheet
-- Whether a sheet that goes on, or of which something may be found later, counts by a counter.
SELECT EXISTS (SELECT FROM sheet WHERE counter_id = $1 AND isfinite(next_close_time))

-- name: lock_sheet
-- One sheet; nobody else closes or ends it until the end of the transaction.
SELECT rule, end_day, next_day, closed_days, digest, new, repeat, excluded
FROM sheet
WHERE workspace_id = $1 AND sheet_id = $2
FOR UPDATE

-- name: end_sheet
-- It has this last day.
UPDATE sheet SET end_day = $2 WHERE sheet_id = $1

-- name: find_due
-- Sheets with a day to be closed, that waits longest first.
SELECT workspace_id::text, sheet_id::text FROM sheet WHERE next_close_time <= now() ORDER BY next_close_time, sheet_id

-- name: find_changes
-- Entries of which something else is known than what is settled. Parameters: sheet, workspace, counter, and from and to of
-- the days in which entries count.
WITH candidate AS (
    SELECT entry_id FROM entry WHERE workspace_id = $2 AND occurred_time >= $4 AND occurred_time < $5
    UNION
    SELECT entry_id FROM sheet_line WHERE sheet_id = $1
), present AS (
    SELECT
        e.entry_id, e.event_id, e.account_id, e.platform, e.channel_user_id, e.occurred_time, u.contact_id, c.campaign_id,
        v.verdict, v.reason, v.repeat_of, a.dispute_id,
        CASE
            WHEN v.verdict = 'none' OR e.occurred_time < $4 OR e.occurred_time >= $5 THEN 'none'
            ELSE coalesce(a.wanted_verdict, v.verdict)
        END AS counts_as
    FROM candidate
    JOIN entry AS e USING (entry_id)
    JOIN verdict AS v ON v.counter_id = $3 AND v.entry_id = e.entry_id
    JOIN channel_user AS u ON u.channel_user_id = e.channel_user_id
    LEFT JOIN campaign AS c
        ON c.workspace_id = $2
        AND e.account_id = ANY (c.account_ids)
        AND c.start_time <= e.occurred_time
        AND (c.end_time IS NULL OR e.occurred_time < c.end_time)
    LEFT JOIN agreed_of($1, $3) AS a ON a.entry_id = e.entry_id
)
SELECT
    p.entry_id::text, p.event_id::text, p.account_id::text, p.platform, p.campaign_id::text, p.channel_user_id::text,
    p.contact_id::text, p.occurred_time, p.verdict, p.reason, p.repeat_of::text, p.dispute_id::text, p.counts_as,
    s.counts_as AS before
FROM present AS p
-- Each by a search of its own: right after a large day nobody knows how many lines there are, and a join of all with all takes
-- for ever.
LEFT JOIN LATERAL (
    SELECT
        l.entry_id, coalesce(l.event_id, (l.text::json ->> 'event_id')::uuid) AS event_id, l.contact_id, l.occurred_time,
        l.campaign_id, l.verdict, l.reason, l.repeat_of, l.dispute_id, l.counts_as
    FROM sheet_line AS l
    WHERE l.sheet_id = $1 AND l.entry_id = p.entry_id
    ORDER BY l.number DESC
    LIMIT 1
) AS s ON true
WHERE (p.counts_as <> 'none' OR coalesce(s.counts_as, 'none') <> 'none')
    AND (
        s.entry_id IS NULL
        OR (
            s.event_id, s.contact_id, s.occurred_time, s.campaign_id, s.verdict, s.reason, s.repeat_of, s.dispute_id,
            s.counts_as
        ) IS DISTINCT FROM (
            p.event_id, p.contact_id, p.occurred_time, p.campaign_id, p.verdict, p.reason, p.repeat_of, p.dispute_id,
            p.counts_as
        )
    )

-- name: insert_day
-- The day is closed.
INSERT INTO sheet_day (sheet_id, number, day, lines, new, repeat, excluded, text, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: insert_lines
-- With these lines, in their order.
INSERT INTO sheet_line (
    sheet_id, number, place, entry_id, event_id, contact_id, occurred_time, campaign_id, repeat_of, dispute_id, verdict,
    reason, counts_as, text
)
SELECT $1, $2, place - 1, entry_id, event_id, contact_id, occurred_time, campaign_id, repeat_of, dispute_id, verdict, reason,
    counts_as, text
FROM unnest(
    $3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::uuid[], $8::uuid[], $9::uuid[], $10::text[], $11::text[],
    $12::text[], $13::text[]
) WITH ORDINALITY AS l (
    entry_id, event_id, contact_id, occurred_time, campaign_id, repeat_of, dispute_id, verdict, reason, counts_as, text, place
)

-- name: move_on
-- The sheet is closed up to before this day.
UPDATE sheet
SET next_day = $2, next_close_time = coalesce($3::timestamptz, 'infinity'), closed_days = $4, digest = $5, new = $6, repeat = $7, excluded = $8
WHERE sheet_id = $1

-- name: list_days
-- A page of closed days.
SELECT text, digest FROM sheet_day WHERE sheet_id = $1 AND number > $2 ORDER BY number LIMIT $3

-- name: list_settled
-- What closed days of a period settled.
SELECT day, new, repeat, excluded FROM sheet_day WHERE sheet_id = $1 AND day >= $2 AND day <= $3

-- name: export_lines
-- The next lines of the export after (number, place); a day stands behind its lines.
SELECT number, place, text
FROM (
    SELECT number, place, text FROM sheet_line WHERE sheet_id = $1 AND (number, place) > ($2, $3)
    UNION ALL
    SELECT number, lines, text FROM sheet_day WHERE sheet_id = $1 AND (number, lines) > ($2, $3)
) AS line
ORDER BY number, place
LIMIT $4

-- name: count_sheet
-- What entries of a period count as now, by the piece of the period that they occurred in.
SELECT
    width_bucket(e.occurred_time, $6::timestamptz[]) AS bucket,
    coalesce(a.wanted_verdict, v.verdict) AS counts_as,
    count(*) AS entries
FROM entry AS e
JOIN verdict AS v ON v.counter_id = $3 AND v.entry_id = e.entry_id AND v.verdict <> 'none'
LEFT JOIN agreed_of($1, $3) AS a ON a.entry_id = e.entry_id
WHERE e.workspace_id = $2 AND e.occurred_time >= $4 AND e.occurred_time < $5
GROUP BY 1, 2

-- name: list_rows
-- A page of entries of a sheet, in the order in which they are judged.
SELECT
    e.entry_id::text, e.event_id::text, u.contact_id::text, e.account_id::text, e.platform, e.occurred_time, e.campaign_id,
    e.language, e.country, v.repeat_of::text,
    CASE WHEN v.verdict = 'none' THEN 'none' ELSE coalesce(a.wanted_verdict, v.verdict) END AS counts_as,
    CASE WHEN a.entry_id IS NULL OR v.verdict = 'none' THEN v.reason ELSE 'dispute' END AS reason,
    (
        SELECT l.counts_as FROM sheet_line AS l
        WHERE l.sheet_id = $1 AND l.entry_id = e.entry_id ORDER BY l.number DESC LIMIT 1
    ) AS settled_as
FROM entry AS e
JOIN verdict AS v ON v.counter_id = $3 AND v.entry_id = e.entry_id
JOIN channel_user AS u ON u.channel_user_id = e.channel_user_id
LEFT JOIN agreed_of($1, $3) AS a ON a.entry_id = e.entry_id
WHERE e.workspace_id = $2
    AND e.occurred_time >= $4
    AND e.occurred_time < $5
    AND ($6::timestamptz IS NULL OR (e.occurred_time, e.event_id) > ($6, $7::uuid))
    AND (
        CASE WHEN v.verdict = 'none' THEN 'none' ELSE coalesce(a.wanted_verdict, v.verdict) END = $8
        OR $8::text IS NULL AND v.verdict <> 'none'
    )
ORDER BY e.occurred_time, e.event_id
LIMIT $9

-- name: has_entry
-- Whether an entry counts, or counted, at a sheet.
SELECT EXISTS (
    SELECT FROM entry AS e
    JOIN verdict AS v ON v.counter_id = $3 AND v.entry_id = e.entry_id
    WHERE e.entry_id = $1 AND e.workspace_id = $2 AND e.occurred_time >= $4 AND ($5::timestamptz IS NULL OR e.occurred_time < $5)
)

-- name: insert_dispute
-- There is an open dispute; no row where the entry has one.
INSERT INTO sheet_dispute (dispute_id, sheet_id, entry_id, wanted_verdict, note, creator, by_partner)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (sheet_id, entry_id) WHERE state = 'open' DO NOTHING
RETURNING dispute_id::text, entry_id::text, wanted_verdict, note, state, creator, by_partner, create_time, answer, resolver,
    resolve_time

-- name: list_disputes
-- A page of disputes, oldest first.
SELECT dispute_id::text, entry_id::text, wanted_verdict, note, state, creator, by_partner, create_time, answer, resolver,
    resolve_time
FROM sheet_dispute
WHERE sheet_id = $1
    AND ($2::text IS NULL OR state = $2)
    AND ($3::timestamptz IS NULL OR (create_time, dispute_id) > ($3, $4::uuid))
ORDER BY create_time, dispute_id
LIMIT $5

-- name: lock_dispute
-- One dispute; nobody else resolves it until the end of the transaction.
SELECT dispute_id::text, entry_id::text, wanted_verdict, note, state, creator, by_partner, create_time, answer, resolver,
    resolve_time
FROM sheet_dispute
WHERE sheet_id = $1 AND dispute_id = $2
FOR UPDATE

-- name: resolve_dispute
-- The dispute is resolved.
UPDATE sheet_dispute
SET state = $2, answer = $3, resolver = $4, resolve_time = now()
WHERE dispute_id = $1
RETURNING dispute_id::text, entry_id::text, wanted_verdict, note, state, creator, by_partner, create_time, answer, resolver,
    resolve_time
