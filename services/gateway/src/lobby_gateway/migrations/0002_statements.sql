-- What each day's proof said when the day had settled (docs/adr/0007).

CREATE TABLE statement (
    workspace_id uuid NOT NULL REFERENCES workspace,
    number bigint NOT NULL CHECK (number > 0),
    -- in UTC
    day date NOT NULL,
    accepted bigint NOT NULL,
    accounted bigint NOT NULL,
    missed bigint NOT NULL,
    balanced boolean NOT NULL,
    -- the very text whose digest this is; it holds the digest of the one before
    text text NOT NULL,
    digest text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, number),
    UNIQUE (workspace_id, day)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER statement_is_append_only BEFORE UPDATE OR DELETE ON statement
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
