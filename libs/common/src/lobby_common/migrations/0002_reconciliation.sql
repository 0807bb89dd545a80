-- What the reconciler found in closed buckets of the logs that a service hears (events/proof.py).

-- one row per producer, bucket and workspace; the row with workspace '' says that the bucket was examined
CREATE TABLE reconciled (
    producer text NOT NULL,
    bucket_start timestamptz NOT NULL,
    workspace_id text NOT NULL,
    expected bigint NOT NULL,
    applied bigint NOT NULL,
    pending bigint NOT NULL,
    quarantined bigint NOT NULL,
    -- those still missing after mending
    missing text[] NOT NULL,
    examine_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (producer, bucket_start, workspace_id)
);
CREATE INDEX reconciled_unsettled ON reconciled (producer, bucket_start) WHERE pending > 0 OR missing <> '{}';

-- effects that were missing and were made again: what a proof would have hidden
CREATE TABLE mended_effect (
    producer text NOT NULL,
    event_id text NOT NULL,
    workspace_id text NOT NULL,
    -- no_range, no_effect
    reason text NOT NULL,
    mend_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (producer, event_id, mend_time)
);
