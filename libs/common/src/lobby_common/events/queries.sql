-- name: draw_positions
-- Positions in the lanes and ids of batches, and the transaction's time.
SELECT firsts, batch_ids, now() AS at
FROM draw_positions($1::int[], $2::int[], $3::int);

-- name: insert_batches
-- The batches of one transaction.
INSERT INTO event_batch (batch_id, lanes, firsts, counts, data)
SELECT batch_id, lanes::int[], firsts::bigint[], counts::int[], data
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bytea[]) AS t (batch_id, lanes, firsts, counts, data);

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

-- name: read_lanes_behind
-- Lanes whose published mark is behind their last position.
SELECT l.lane, p.position, p.batch_id
FROM lane AS l
JOIN lane_published AS p USING (lane)
WHERE p.position < l.position;

-- name: mark_published
-- How far each lane was published; never moves back.
UPDATE lane_published AS p
SET position = t.position, batch_id = t.batch_id
FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS t (lane, position, batch_id)
WHERE p.lane = t.lane AND p.position < t.position;

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
WHERE producer = $1;

-- name: read_cursor
-- Where to go on reading a producer's stream.
SELECT stream_sequence
FROM stream_cursor
WHERE producer = $1;

-- name: move_positions
-- Positions old to new, range rows, cursors; raises LB001 where another owner moved them.
SELECT move_positions($1, $2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::bigint[]);

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
