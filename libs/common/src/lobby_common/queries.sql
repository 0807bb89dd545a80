-- name: beat
-- The replica lives on. Says whether the name is its own, what its process holds, and which other replicas live.
WITH me AS (
    INSERT INTO replica AS r (name, process, expire_time)
    VALUES ($1, $2, clock_timestamp() + $3::interval)
    ON CONFLICT (name) DO UPDATE SET process = excluded.process, expire_time = excluded.expire_time
    -- a process that begins takes its name over; one that was followed by another gets it back when that is gone
    WHERE r.process = excluded.process OR $4 OR r.expire_time < clock_timestamp()
    RETURNING true
)
SELECT
    EXISTS (SELECT FROM me) AS is_mine,
    ARRAY(SELECT l.name FROM lease AS l WHERE l.owner = $2 ORDER BY l.name) AS names,
    ARRAY(SELECT l.epoch FROM lease AS l WHERE l.owner = $2 ORDER BY l.name) AS epochs,
    ARRAY(
        SELECT r.name
        FROM replica AS r
        WHERE r.expire_time > clock_timestamp()
            AND r.expire_time < clock_timestamp() + 2 * $3::interval -- else the clock was set back since
            AND r.name <> $1
    ) AS others;

-- name: wait_briefly
-- A transaction that holds a position for long ends by itself; until then the beat must go on.
SET LOCAL lock_timeout = '1s';

-- name: take
-- Leases whose owner lives no more change hands, and the lanes' positions take the new epoch: the old owner is fenced.
WITH taken AS (
    UPDATE lease AS l
    SET owner = $1, epoch = l.epoch + 1
    WHERE l.name = ANY ($2::text[])
    AND NOT EXISTS (
        SELECT FROM replica AS r
        WHERE r.process = l.owner
            AND r.expire_time > clock_timestamp()
            AND r.expire_time < clock_timestamp() + 2 * $3::interval
    )
    RETURNING l.name, l.epoch
),
fenced AS (
    UPDATE consumer_position AS c
    SET epoch = t.epoch
    FROM taken AS t
    WHERE t.name = 'lane/' || c.lane
),
forgotten AS (DELETE FROM replica WHERE expire_time < clock_timestamp() - interval '1 day')
SELECT name, epoch FROM taken;

-- name: give_up
-- Others may take these.
UPDATE lease SET owner = '' WHERE owner = $1 AND name = ANY ($2::text[]);

-- name: ensure_leases
-- A row per lease.
INSERT INTO lease (name)
SELECT name
FROM unnest($1::text[]) AS t (name)
ORDER BY name
ON CONFLICT DO NOTHING;

-- name: leave
-- The replica is gone, and what it held is free.
WITH gone AS (DELETE FROM replica WHERE process = $1)
UPDATE lease SET owner = '' WHERE owner = $1;

-- name: fence
-- Whether the lease has this epoch; nobody else takes it before the transaction ends.
SELECT true
FROM lease
WHERE name = $1 AND epoch = $2
FOR SHARE;
