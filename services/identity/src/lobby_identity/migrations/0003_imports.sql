-- Expands: imports of known customers (the base), and people who were forgotten.

-- A file of known customers and what becomes of it.
CREATE TABLE base_import (
    import_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    display_name text NOT NULL,
    default_country text NOT NULL,
    encoding text NOT NULL,
    -- none: found out
    has_header boolean,
    -- empty: found out
    columns text[] NOT NULL,
    retroactive boolean NOT NULL,
    link_conflicts boolean NOT NULL,
    state text NOT NULL DEFAULT 'uploading' CHECK (
        state IN ('uploading', 'checking', 'checked', 'running', 'done', 'failed', 'undoing', 'undone')
    ),
    -- what is done next in a state in which something is done
    phase text NOT NULL DEFAULT '' CHECK (
        phase IN ('', 'clearing', 'reading', 'grouping', 'resolving', 'telling', 'sweeping', 'unlinking', 'dropping')
    ),
    -- how far the phase is: the row of the file, its header included, that was done last
    progress int NOT NULL DEFAULT 0,
    part_count int NOT NULL DEFAULT 0,
    byte_count bigint NOT NULL DEFAULT 0,
    -- as the importer said it; empty: he did not
    sha256 text NOT NULL DEFAULT '',
    -- of the file and of all that decides what the import does
    fingerprint text NOT NULL DEFAULT '',
    rows_read int NOT NULL DEFAULT 0,
    rows_new int NOT NULL DEFAULT 0,
    rows_known int NOT NULL DEFAULT 0,
    rows_repeated int NOT NULL DEFAULT 0,
    rows_conflict int NOT NULL DEFAULT 0,
    rows_invalid int NOT NULL DEFAULT 0,
    failure text NOT NULL DEFAULT '',
    same_as_import_id uuid,
    actor text NOT NULL,
    end_actor text NOT NULL DEFAULT '',
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    commit_time timestamptz,
    work_time timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX base_import_workspace_id ON base_import (workspace_id, import_id);
CREATE INDEX base_import_work_time ON base_import (work_time) WHERE phase <> '';
CREATE INDEX base_import_fingerprint ON base_import (workspace_id, fingerprint) WHERE state = 'done';

-- The file, until the import is over.
CREATE TABLE import_part (
    import_id uuid NOT NULL,
    number int NOT NULL,
    sha256 bytea NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (import_id, number)
);
ALTER TABLE import_part ALTER COLUMN data SET STORAGE EXTERNAL;

-- Rows as they were read, until the import is over.
CREATE TABLE import_staged (
    import_id uuid NOT NULL,
    row_number int NOT NULL,
    -- the first row of those that hang together with this one
    group_row int NOT NULL,
    display_name text NOT NULL,
    country text NOT NULL,
    tags text[] NOT NULL,
    kinds text[] NOT NULL,
    match_keys text[] NOT NULL,
    identifiers text[] NOT NULL,
    reasons text[] NOT NULL,
    PRIMARY KEY (import_id, row_number)
);
CREATE INDEX import_staged_group_row ON import_staged (import_id, group_row) WHERE group_row <> row_number;

-- Identifiers that several rows of a file have.
CREATE TABLE import_shared (
    import_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    match_key text COLLATE "C" NOT NULL,
    row_number int NOT NULL,
    PRIMARY KEY (import_id, kind, match_key, row_number)
);

-- What became of each row.
CREATE TABLE import_row (
    import_id uuid NOT NULL,
    row_number int NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('new', 'known', 'repeated', 'conflict', 'invalid')),
    reasons text[] NOT NULL,
    contact_ids uuid[] NOT NULL,
    PRIMARY KEY (import_id, row_number)
);
CREATE INDEX import_row_reasons ON import_row (import_id, row_number) WHERE reasons <> '{}';

CREATE TABLE import_reason (
    import_id uuid NOT NULL,
    reason text NOT NULL,
    count int NOT NULL,
    PRIMARY KEY (import_id, reason)
);

-- Channel users who are known by an import, each by the row that led to him.
CREATE TABLE base_member (
    import_id uuid NOT NULL,
    row_number int NOT NULL,
    channel_user_id uuid NOT NULL,
    -- the import made him
    born boolean NOT NULL,
    PRIMARY KEY (import_id, row_number, channel_user_id)
);
CREATE INDEX base_member_channel_user_id ON base_member (channel_user_id);

-- The import by which the identifier came; none where a platform named it.
ALTER TABLE identifier ADD COLUMN import_id uuid;

-- When the person was forgotten.
ALTER TABLE contact ADD COLUMN erase_time timestamptz;

CREATE INDEX link_cause_id ON link (cause_id) WHERE evidence = 'import' AND end_time IS NULL;

-- That millions of rows came in minutes is not yet known to the planner: without it, grouping takes many times as long, and
-- plans that were made for tables with nobody in them stay, those of messages too.
-- Runs with the rights of its owner: the service's role may not analyze.
CREATE FUNCTION analyze_imports() RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    ANALYZE import_staged;
    ANALYZE import_shared;
    ANALYZE identifier;
    ANALYZE channel_user;
    ANALYZE contact;
END $$;
