-- Expands: a batch is written by the call that draws its positions: one round trip, and it may be that of the
-- transaction's last effects. The release before goes on with draw_positions.

-- A number as a protobuf varint that always has nine bytes: its place in a message is known before the number is.
CREATE FUNCTION padded_varint(n bigint) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT set_byte(set_byte(set_byte(set_byte(set_byte(set_byte(set_byte(set_byte(set_byte(
        '\x000000000000000000'::bytea,
        0, (n & 127)::int | 128),
        1, (n >> 7 & 127)::int | 128),
        2, (n >> 14 & 127)::int | 128),
        3, (n >> 21 & 127)::int | 128),
        4, (n >> 28 & 127)::int | 128),
        5, (n >> 35 & 127)::int | 128),
        6, (n >> 42 & 127)::int | 128),
        7, (n >> 49 & 127)::int | 128),
        8, (n >> 56 & 127)::int)
$$;

-- Writes a batch of segments, by lane, each encoded but for its position (events/packing.py). Returns the segments' first
-- positions, the batch's id, and the transaction's time; nulls where there is no segment.
CREATE FUNCTION write_batch(
    lanes int[], counts int[], heads bytea[], OUT firsts bigint[], OUT batch_id bigint, OUT at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    seq regclass := to_regclass('event_batch_id');
    microseconds bigint := extract(epoch FROM now()) * 1000000;
BEGIN
    IF cardinality(lanes) = 0 THEN
        RETURN;
    END IF;
    PERFORM FROM lane AS l WHERE l.lane = ANY (lanes) ORDER BY l.lane FOR NO KEY UPDATE;
    WITH drawn AS (
        UPDATE lane AS l
        SET position = l.position + t.count
        FROM unnest(lanes, counts) AS t (lane, count)
        WHERE l.lane = t.lane
        RETURNING l.lane, l.position - t.count + 1 AS first
    )
    SELECT array_agg(d.first ORDER BY d.lane), nextval(seq), now() INTO firsts, batch_id, at FROM drawn AS d;
    INSERT INTO event_batch (batch_id, lanes, firsts, counts, data)
    VALUES (
        batch_id,
        lanes,
        firsts,
        counts,
        (SELECT string_agg(s.head || padded_varint(s.first), '') FROM unnest(heads, firsts) AS s (head, first))
            || '\x10'::bytea || padded_varint(batch_id)
            || '\x1a1408'::bytea || padded_varint(microseconds / 1000000)
            || '\x10'::bytea || padded_varint(microseconds % 1000000 * 1000)
    );
END $$;
