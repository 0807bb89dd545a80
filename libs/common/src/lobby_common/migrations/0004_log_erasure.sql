-- Expands: what is to be taken out of a service's log, because the person of whom it speaks was forgotten (events/erasing.py).

CREATE TABLE log_erasure (
    erasure_id uuid PRIMARY KEY,
    workspace_id text NOT NULL,
    -- an id that every event which speaks of him holds
    needle text NOT NULL,
    -- where others are spoken of under that id too: the messages that are his, and digests of the keys of his other events
    message_ids text[],
    key_digests text[] NOT NULL,
    -- answers to commands that hold one of these are emptied
    marks text[] NOT NULL,
    -- what was told later under these keys is somebody else's
    until_time timestamptz NOT NULL,
    -- the batch up to which this pass is done
    told_time timestamptz NOT NULL,
    batch_id bigint NOT NULL DEFAULT 0,
    passes int NOT NULL DEFAULT 0,
    due_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX log_erasure_due_time ON log_erasure (due_time);
