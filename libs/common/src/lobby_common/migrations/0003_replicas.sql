-- Several replicas of a service share its lanes and its lonely works by leases (leases.py, docs/adr/0009).

CREATE TABLE replica (
    -- the same after a restart
    name text PRIMARY KEY,
    -- another one after a restart
    process text NOT NULL,
    expire_time timestamptz NOT NULL
) WITH (fillfactor = 50);

-- held by the process `owner` for as long as that lives
CREATE TABLE lease (
    -- lane/0 … lane/31, and what one replica alone does
    name text PRIMARY KEY,
    owner text NOT NULL DEFAULT '',
    -- rises with each new owner
    epoch bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Replicas publish their own batches, so positions are published in any order: `position` says how far all are,
-- `ahead` what is beyond.
ALTER TABLE lane_published ADD COLUMN ahead int8multirange NOT NULL DEFAULT '{}';

-- The spans were published; ids are those of their last batches. A lane's mark rises only where nothing is missing.
CREATE FUNCTION mark_published(marked_lanes int[], spans text[], lasts bigint[], ids bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM lane_published AS p WHERE p.lane = ANY (marked_lanes) ORDER BY p.lane FOR NO KEY UPDATE;
    UPDATE lane_published AS p
    SET
        position = m.mark,
        ahead = m.published - int8multirange(int8range(0, m.mark + 1)),
        -- every batch up to this id, as far as it touches the lane, is published
        batch_id = CASE WHEN m.mark >= m.last THEN greatest(p.batch_id, m.id) ELSE p.batch_id END
    FROM (
        SELECT o.lane, all_of.published, t.last, t.id,
            (SELECT upper(r) - 1 FROM unnest(all_of.published) AS r ORDER BY lower(r) LIMIT 1) AS mark
        FROM unnest(marked_lanes, spans, lasts, ids) AS t (lane, span, last, id)
        JOIN lane_published AS o USING (lane),
        LATERAL (
            SELECT o.ahead + t.span::int8multirange + int8multirange(int8range(0, o.position + 1)) AS published
        ) AS all_of
    ) AS m
    WHERE p.lane = m.lane;
END $$;

DROP FUNCTION move_positions(bigint, text[], int[], bigint[], bigint[], bigint[], text[], bigint[]);

-- Moves positions old to new and leaves a range row per lane. Raises position_moved where another owner was here, or
-- may be here now: the whole transaction falls.
CREATE FUNCTION move_positions(
    producers text[], lanes int[], epochs bigint[], olds bigint[], news bigint[], batch_ids bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moved int;
BEGIN
    UPDATE consumer_position AS c
    SET position = t.new, batch_id = t.batch_id
    FROM unnest(producers, lanes, epochs, olds, news, batch_ids) AS t (producer, lane, epoch, old, new, batch_id)
    WHERE c.producer = t.producer AND c.lane = t.lane AND c.position = t.old AND c.epoch = t.epoch;
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> cardinality(producers) THEN
        RAISE EXCEPTION 'position_moved: % of % lanes', moved, cardinality(producers) USING ERRCODE = 'LB001';
    END IF;
    INSERT INTO applied_range (producer, lane, first, count)
    SELECT t.producer, t.lane, t.old + 1, t.new - t.old
    FROM unnest(producers, lanes, olds, news) AS t (producer, lane, old, new);
END $$;
