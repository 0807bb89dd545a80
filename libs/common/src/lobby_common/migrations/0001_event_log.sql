-- The event log of a service and its positions in the logs of others (DESIGN §3). Runs in every service's schema.

CREATE TABLE event_batch (
    batch_id bigint NOT NULL,
    -- the time of the transaction: its effects carry the same now(), so the two find each other by it
    create_time timestamptz NOT NULL DEFAULT now(),
    lanes int[] NOT NULL,
    firsts bigint[] NOT NULL,
    counts int[] NOT NULL,
    -- the very bytes that are published
    data bytea NOT NULL,
    PRIMARY KEY (create_time, batch_id)
) PARTITION BY RANGE (create_time);
ALTER TABLE event_batch ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE INDEX event_batch_batch_id ON event_batch (batch_id);
CREATE SEQUENCE event_batch_id;

CREATE TABLE lane (
    lane int PRIMARY KEY CHECK (lane BETWEEN 0 AND 31),
    -- the last position drawn
    position bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO lane (lane) SELECT generate_series(0, 31);

-- how far the log was published; a hint, always behind the truth: repeats are harmless
CREATE TABLE lane_published (
    lane int PRIMARY KEY CHECK (lane BETWEEN 0 AND 31),
    position bigint NOT NULL DEFAULT 0,
    batch_id bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO lane_published (lane) SELECT generate_series(0, 31);

CREATE TABLE consumer_position (
    producer text NOT NULL,
    lane int NOT NULL CHECK (lane BETWEEN 0 AND 31),
    -- everything up to here was applied
    position bigint NOT NULL DEFAULT 0,
    -- the producer's batch that held it
    batch_id bigint NOT NULL DEFAULT 0,
    -- rises when the lane's owner changes
    epoch bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (producer, lane)
) WITH (fillfactor = 50);

-- where to go on reading a stream; a hint: positions decide what is applied
CREATE TABLE stream_cursor (
    producer text PRIMARY KEY,
    stream_sequence bigint NOT NULL
) WITH (fillfactor = 50);

-- one row per lane and transaction, the runs of a lane joined: the evidence
CREATE TABLE applied_range (
    producer text NOT NULL,
    lane int NOT NULL,
    first bigint NOT NULL,
    count int NOT NULL,
    apply_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (producer, lane, first, apply_time)
) PARTITION BY RANGE (apply_time);

CREATE TABLE event_quarantine (
    event_id text PRIMARY KEY,
    producer text NOT NULL,
    lane int NOT NULL,
    position bigint NOT NULL,
    workspace_id text NOT NULL,
    type text NOT NULL,
    reason text NOT NULL,
    event bytea NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE request_answer (
    workspace_id text NOT NULL,
    method text NOT NULL,
    request_id text NOT NULL,
    answer bytea,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, method, request_id)
);
CREATE INDEX request_answer_create_time ON request_answer (create_time);

-- Draws positions in the lanes and ids for the batches. Lanes are locked in order, and ids are drawn under the locks:
-- so ids ascend within every lane.
CREATE FUNCTION draw_positions(lanes int[], counts int[], batches int, OUT firsts bigint[], OUT batch_ids bigint[])
LANGUAGE plpgsql AS $$
DECLARE
    seq regclass := to_regclass('event_batch_id');
BEGIN
    PERFORM FROM lane AS l WHERE l.lane = ANY (lanes) ORDER BY l.lane FOR NO KEY UPDATE;
    WITH drawn AS (
        UPDATE lane AS l
        SET position = l.position + t.count
        FROM unnest(lanes, counts) AS t (lane, count)
        WHERE l.lane = t.lane
        RETURNING l.lane, l.position - t.count + 1 AS first
    )
    SELECT array_agg(d.first ORDER BY d.lane) INTO firsts FROM drawn AS d;
    batch_ids := ARRAY (SELECT nextval(seq) FROM generate_series(1, batches));
END $$;

-- Moves positions old to new, leaves a range row per lane, and remembers the streams' sequences.
-- Raises position_moved where another owner was here: the whole transaction falls.
CREATE FUNCTION move_positions(
    owner_epoch bigint,
    producers text[], lanes int[], olds bigint[], news bigint[], batch_ids bigint[],
    cursor_producers text[], cursor_sequences bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moved int;
BEGIN
    UPDATE consumer_position AS c
    SET position = t.new, batch_id = t.batch_id
    FROM unnest(producers, lanes, olds, news, batch_ids) AS t (producer, lane, old, new, batch_id)
    WHERE c.producer = t.producer AND c.lane = t.lane AND c.position = t.old AND c.epoch <= owner_epoch;
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> cardinality(producers) THEN
        RAISE EXCEPTION 'position_moved: % of % lanes', moved, cardinality(producers) USING ERRCODE = 'LB001';
    END IF;
    INSERT INTO applied_range (producer, lane, first, count)
    SELECT t.producer, t.lane, t.old + 1, t.new - t.old
    FROM unnest(producers, lanes, olds, news) AS t (producer, lane, old, new);
    INSERT INTO stream_cursor AS s (producer, stream_sequence)
    SELECT * FROM unnest(cursor_producers, cursor_sequences)
    ON CONFLICT (producer) DO UPDATE SET stream_sequence = excluded.stream_sequence;
END $$;

-- Makes the day partitions of yesterday to the day after tomorrow, and drops those older than keep_days.
-- Runs with the rights of its owner: the service's role may not change its schema.
CREATE FUNCTION maintain_partitions(keep_days int) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    parent text;
    day date;
    child text;
    here text := current_schema();
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('maintain_partitions'), hashtext(here));
    FOREACH parent IN ARRAY ARRAY['event_batch', 'applied_range'] LOOP
        FOR day IN SELECT generate_series(
            (now() AT TIME ZONE 'UTC')::date - 1, (now() AT TIME ZONE 'UTC')::date + 2, interval '1 day')::date
        LOOP
            child := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
            IF to_regclass(format('%I.%I', here, child)) IS NULL THEN
                EXECUTE format('CREATE TABLE %I.%I PARTITION OF %I.%I FOR VALUES FROM (%L) TO (%L)',
                    here, child, here, parent, day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
            END IF;
        END LOOP;
        FOR child IN
            SELECT c.relname FROM pg_inherits i
            JOIN pg_class c ON c.oid = i.inhrelid
            JOIN pg_class p ON p.oid = i.inhparent
            JOIN pg_namespace n ON n.oid = p.relnamespace
            WHERE n.nspname = here AND p.relname = parent
            AND right(c.relname, 8) < to_char((now() AT TIME ZONE 'UTC')::date - keep_days, 'YYYYMMDD')
        LOOP
            EXECUTE format('DROP TABLE %I.%I', here, child);
        END LOOP;
    END LOOP;
END $$;
