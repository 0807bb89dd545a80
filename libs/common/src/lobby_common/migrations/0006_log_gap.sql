-- Expands: places of a log that were drawn and that no batch holds (events/gaps.py).

CREATE TABLE log_gap (
    lane int NOT NULL CHECK (lane BETWEEN 0 AND 31),
    first bigint NOT NULL,
    count int NOT NULL,
    -- when the batches on both sides were told, and their ids
    told_after timestamptz NOT NULL,
    told_before timestamptz NOT NULL,
    after_batch_id bigint NOT NULL,
    before_batch_id bigint NOT NULL,
    PRIMARY KEY (lane, first)
);
