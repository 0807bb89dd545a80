-- Expands: recounts that failed are tried again later, and hold up nobody else.

ALTER TABLE recount
    -- How often in a row it failed, and with what the last time: the name of the error.
    ADD COLUMN failures integer NOT NULL DEFAULT 0,
    ADD COLUMN failure text NOT NULL DEFAULT '',
    -- Not before this time again.
    ADD COLUMN retry_time timestamptz NOT NULL DEFAULT '-infinity';
