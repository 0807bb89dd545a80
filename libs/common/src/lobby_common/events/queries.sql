-- name: write_batch
-- A batch of a transaction: lanes, counts and heads of its segments.
SELECT firsts, batch_id, at
FROM write_batch($1::int[], $2::int[], $3::bytea[]);

-- name: read_batches
-- Batches after an id that touch some lanes, oldest first.
SELECT batch_id, data
FROM event_batch
WHERE batch_id > $1 AND (cardinality($2::int[]) = 0 OR lanes && $2::int[])
ORDER BY batch_id
LIMIT $3;

-- name: read_unpublished
-- Batches after an id with what the publisher needs, oldest first.
SELECT batch_id, lanes, firsts, counts, data
FROM event_batch
WHERE batch_id > $1
ORDER BY batch_id
LIMIT $2;

-- name: read_some
-- Batches by their ids, with what the publisher needs.
SELECT batch_id, lanes, firsts, counts, data
FROM event_batch
WHERE batch_id = ANY ($1::bigint[])
ORDER BY batch_id;

-- name: find_told_time
-- When a batch was told.
SELECT create_time
FROM event_batch
WHERE batch_id = $1;

-- name: list_told
-- Batches told in a period, in order of time, and whether they are marked as published.
SELECT
    b.batch_id,
    b.create_time,
    NOT EXISTS (
        SELECT
        FROM unnest(b.lanes, b.firsts, b.counts) AS s (lane, first, count)
        JOIN lane_published AS p USING (lane)
        WHERE p.position < s.first + s.count - 1
    ) AS published
FROM event_batch AS b
WHERE b.create_time >= $1 AND b.create_time < $2
ORDER BY b.create_time;

-- name: read_lanes_behind
-- Lanes whose published mark is behind their last position.
SELECT l.lane, l.position AS drawn, p.position, p.batch_id
FROM lane AS l
JOIN lane_published AS p USING (lane)
WHERE p.position < l.position;

-- name: mark_published
-- What was published of some lanes, with the last position and its batch; a mark rises only where nothing is missing.
SELECT mark_published($1::int[], $2::text[], $3::bigint[], $4::bigint[]);

-- name: find_batches_at
-- Batches of the transactions that began at a time.
SELECT data
FROM event_batch
WHERE create_time = $1
ORDER BY batch_id;

-- name: find_applied
-- When a position of a producer's lane was applied.
SELECT apply_time
FROM applied_range
WHERE producer = $1 AND lane = $2 AND first <= $3 AND first + count > $3
ORDER BY first DESC
LIMIT 1;

-- name: ensure_positions
-- A row per lane of a producer.
INSERT INTO consumer_position (producer, lane)
SELECT $1, generate_series(0, 31)
ON CONFLICT DO NOTHING;

-- name: read_positions
-- How far each lane of a producer was applied.
SELECT lane, position, batch_id
FROM consumer_position
WHERE producer = $1 AND lane = ANY ($2::int[]);

-- name: mend_positions
-- Positions of lanes that are held, where no range row leads to: somebody set them forward, and nothing there was heard.
UPDATE consumer_position AS c
SET position = r.last
FROM unnest($2::int[], $3::bigint[]) AS t (lane, epoch),
LATERAL (
    SELECT a.first + a.count - 1 AS last
    FROM applied_range AS a
    WHERE a.producer = $1 AND a.lane = t.lane
    ORDER BY a.first DESC
    LIMIT 1
) AS r
WHERE c.producer = $1 AND c.lane = t.lane AND c.epoch = t.epoch AND c.position > r.last
RETURNING c.lane;

-- name: read_cursor
-- Where to go on reading a producer's stream.
SELECT stream_sequence
FROM stream_cursor
WHERE producer = $1;

-- name: save_cursors
-- Where to go on reading streams.
INSERT INTO stream_cursor AS s (producer, stream_sequence)
SELECT producer, stream_sequence
FROM unnest($1::text[], $2::bigint[]) AS t (producer, stream_sequence)
ORDER BY producer
ON CONFLICT (producer) DO UPDATE SET stream_sequence = excluded.stream_sequence;

-- name: move_positions
-- Positions old to new, and range rows; raises LB001 where another owner moved them or holds them.
SELECT move_positions($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]);

-- name: move_and_write_batch
-- As move_positions; then as write_batch.
SELECT
    firsts, batch_id, at, move_positions($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
FROM write_batch($7::int[], $8::int[], $9::bytea[]);

-- name: insert_quarantine
-- An event that could not be applied.
INSERT INTO event_quarantine (event_id, producer, lane, position, workspace_id, type, reason, event)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (event_id) DO UPDATE SET reason = excluded.reason;

-- name: maintain_partitions
-- Day partitions made ahead and old ones dropped.
SELECT maintain_partitions($1);

-- name: forget_answers
-- Stored answers to commands are kept as long as events are.
DELETE FROM request_answer WHERE create_time < now() - make_interval(days => $1);

-- name: claim_request
-- The first call with a request id makes the row; later ones wait for it here.
INSERT INTO request_answer (workspace_id, method, request_id)
VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING
RETURNING true;

-- name: find_answer
-- What the first call with a request id was told.
SELECT answer
FROM request_answer
WHERE workspace_id = $1 AND method = $2 AND request_id = $3;

-- name: store_answer
-- What the call was told.
UPDATE request_answer
SET answer = $4
WHERE workspace_id = $1 AND method = $2 AND request_id = $3;

-- name: read_heads
-- The last position of each lane, in order of lane.
SELECT position
FROM lane
ORDER BY lane;

-- name: read_edges
-- The last position of each lane, and what time it is.
SELECT lane, position, now() AS now
FROM lane;

-- name: list_places
-- Where the batches before an id stand, the newest first.
SELECT batch_id, create_time, lanes, firsts, counts
FROM event_batch
WHERE batch_id < $1
ORDER BY batch_id DESC
LIMIT $2;

-- name: read_gaps
-- What was found missing in the log.
SELECT lane, first, count, told_after, told_before, after_batch_id, before_batch_id
FROM log_gap;

-- name: forget_gaps
-- All of that is forgotten.
DELETE FROM log_gap;

-- name: write_gaps
-- What was found missing in the log.
INSERT INTO log_gap (lane, first, count, told_after, told_before, after_batch_id, before_batch_id)
SELECT *
FROM unnest(
    $1::int[], $2::bigint[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::bigint[]
) AS t (lane, first, count, told_after, told_before, after_batch_id, before_batch_id)
ORDER BY lane, first
ON CONFLICT (lane, first)
DO UPDATE SET
    count = excluded.count,
    told_after = excluded.told_after,
    told_before = excluded.told_before,
    after_batch_id = excluded.after_batch_id,
    before_batch_id = excluded.before_batch_id;

-- name: put_back
-- A batch as it was told, where the log lacks it.
INSERT INTO event_batch (batch_id, create_time, lanes, firsts, counts, data)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
RETURNING batch_id;

-- name: read_period
-- Batches of a period, oldest first, after a batch.
SELECT data
FROM event_batch
WHERE create_time >= $1 AND create_time < $2 AND (create_time, batch_id) > ($3, $4)
ORDER BY create_time, batch_id
LIMIT $5;

-- name: read_ranges
-- Range rows that touch spans of a producer's lanes.
SELECT DISTINCT r.lane, r.first, r.count
FROM unnest($2::int[], $3::bigint[], $4::bigint[]) AS t (lane, lo, hi)
JOIN applied_range AS r ON r.producer = $1 AND r.lane = t.lane AND r.first BETWEEN t.lo - $5 AND t.hi
WHERE r.first + r.count > t.lo AND r.apply_time >= $6
ORDER BY r.lane, r.first;

-- name: has_quarantined
-- Whether any event is in quarantine.
SELECT EXISTS (SELECT FROM event_quarantine);

-- name: find_quarantined
-- Which events are in quarantine.
SELECT event_id
FROM event_quarantine
WHERE event_id = ANY ($1::text[]);

-- name: list_quarantined
-- All events in quarantine, in their order.
SELECT event_id
FROM event_quarantine
ORDER BY producer, lane, position;

-- name: take_quarantined
-- An event is in quarantine no more.
DELETE FROM event_quarantine
WHERE event_id = $1
RETURNING producer, lane, position, event;

-- name: mend_alone
-- Nobody else mends this service before the transaction ends: what two found missing is mended once.
SELECT pg_advisory_xact_lock(hashtext('mend'), hashtext(current_schema()));

-- name: insert_ranges
-- Range rows of positions that were applied again, where there is none.
INSERT INTO applied_range (producer, lane, first, count)
SELECT $1, lane, position, 1
FROM unnest($2::int[], $3::bigint[]) AS t (lane, position)
WHERE NOT EXISTS (
    SELECT FROM applied_range AS a
    WHERE a.producer = $1
        AND a.lane = t.lane
        AND a.first BETWEEN t.position - $4 AND t.position
        AND a.first + a.count > t.position
);

-- name: insert_mended
-- What was missing and is there again.
INSERT INTO mended_effect (producer, event_id, workspace_id, reason)
SELECT $1, event_id, workspace_id, reason
FROM unnest($2::text[], $3::text[], $4::text[]) AS t (event_id, workspace_id, reason)
ON CONFLICT DO NOTHING;

-- name: write_reconciled
-- What was found in buckets, by workspace.
INSERT INTO reconciled (producer, bucket_start, workspace_id, expected, applied, pending, quarantined, missing)
SELECT $1, bucket_start, workspace_id, expected, applied, pending, quarantined, string_to_array(missing, ',')
FROM unnest($2::timestamptz[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[])
    AS t (bucket_start, workspace_id, expected, applied, pending, quarantined, missing)
ORDER BY bucket_start, workspace_id
ON CONFLICT (producer, bucket_start, workspace_id)
DO UPDATE SET
    expected = excluded.expected,
    applied = excluded.applied,
    pending = excluded.pending,
    quarantined = excluded.quarantined,
    missing = excluded.missing,
    examine_time = now();

-- name: read_times
-- When this schema was made (before, nothing was heard), and what time it is by the clock that batches are told by.
SELECT min(run_time) AS birth, now() AS now
FROM migration;

-- name: find_examined
-- Which buckets of a producer were examined, how many events they hold, and whether anything was missing or to come.
SELECT bucket_start, expected, pending = 0 AND missing = '{}' AS settled, examine_time
FROM reconciled
WHERE producer = $1 AND bucket_start >= $2 AND bucket_start < $3 AND workspace_id = '';

-- name: count_missing
-- How many events of a producer are missing in the buckets since a time.
SELECT coalesce(sum(expected - applied - pending - quarantined), 0)::bigint
FROM reconciled
WHERE producer = $1 AND bucket_start >= $2 AND workspace_id = '' AND (pending > 0 OR missing <> '{}');

-- name: read_reconciled
-- What was found in some buckets of a workspace, together; of what is missing only the first are named.
SELECT
    coalesce(sum(applied), 0)::bigint AS applied,
    coalesce(sum(pending), 0)::bigint AS pending,
    coalesce(sum(quarantined), 0)::bigint AS quarantined,
    coalesce(sum(expected - applied - pending - quarantined), 0)::bigint AS lost,
    coalesce(
        string_to_array(
            string_agg(array_to_string(missing, ','), ',' ORDER BY bucket_start) FILTER (WHERE missing <> '{}'), ','
        ),
        '{}'
    ) AS missing
FROM reconciled
WHERE producer = $1 AND workspace_id = $2 AND bucket_start = ANY ($3::timestamptz[]);

-- name: forget_reconciled
-- What was found is kept for a year: longer than what it was found in.
DELETE FROM reconciled WHERE bucket_start < now() - interval '400 days';

-- name: order_erasure
-- Something is to be taken out of the log; older than the log keeps anything is nothing.
INSERT INTO log_erasure (erasure_id, workspace_id, needle, message_ids, key_digests, marks, told_time, until_time)
VALUES ($1, $2, $3, $4, $5, $6, greatest($7, now() - interval '32 days'), coalesce($8, now()));

-- name: find_due_erasure
-- The order that has waited longest, ours until the transaction ends.
SELECT
    erasure_id::text, workspace_id, needle, message_ids, key_digests, marks, until_time, told_time, batch_id, passes,
    now() AS now
FROM log_erasure
WHERE due_time <= now()
ORDER BY due_time
LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: find_batches_with
-- The next batches of a part of the log that hold a text.
SELECT create_time, batch_id, data
FROM event_batch
WHERE create_time >= $1 AND create_time <= $2 AND (create_time > $1 OR batch_id > $3) AND position($4::bytea IN data) > 0
ORDER BY create_time, batch_id
LIMIT $5;

-- name: rewrite_batch
-- A batch holds other bytes under the same id and places.
UPDATE event_batch SET data = $3 WHERE create_time = $1 AND batch_id = $2;

-- name: move_erasure
-- A pass is done up to a batch.
UPDATE log_erasure SET told_time = $2, batch_id = $3 WHERE erasure_id = $1;

-- name: repeat_erasure
-- The log is looked through once more later, from a time on.
UPDATE log_erasure SET told_time = $2, batch_id = 0, passes = passes + 1, due_time = $3 WHERE erasure_id = $1;

-- name: end_erasure
-- Nothing of what was ordered is left to do.
DELETE FROM log_erasure WHERE erasure_id = $1;

-- name: empty_answers
-- Answers to commands of a workspace that hold one of some ids say nothing any more.
UPDATE request_answer
SET answer = ''
WHERE workspace_id = $1
    AND answer <> ''
    AND EXISTS (
        SELECT FROM unnest($2::text[]) AS m (mark) WHERE position(convert_to(m.mark, 'UTF8') IN answer) > 0
    );

-- name: find_quarantined_with
-- Events of a workspace in quarantine that hold a text.
SELECT event_id, event
FROM event_quarantine
WHERE workspace_id = $1 AND position($2::bytea IN event) > 0;

-- name: rewrite_quarantined
-- An event in quarantine holds other bytes.
UPDATE event_quarantine SET event = $2 WHERE event_id = $1;
