-- Expands: for whom something was translated first, so that it can be forgotten with him.

-- For short texts too, whose memory everybody in the workspace shares.
CREATE TABLE memory_maker (
    -- id of the message, or for answers the digest of the chat
    maker text COLLATE "C" NOT NULL,
    key bytea NOT NULL,
    make_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (maker, key)
);
CREATE INDEX memory_maker_make_time ON memory_maker (make_time);
