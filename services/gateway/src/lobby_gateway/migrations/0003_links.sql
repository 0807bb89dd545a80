-- Expands: links by which sheets are shared with partners, and the keys that they gave.

CREATE TABLE link (
    link_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspace,
    -- the counter's
    sheet_id text NOT NULL,
    -- SHA-256 of the token, which is 256 random bits and kept nowhere
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    -- scrypt of the password, and how it was made
    password_digest bytea NOT NULL,
    password_salt bytea NOT NULL,
    password_n int NOT NULL,
    password_r int NOT NULL,
    password_p int NOT NULL,
    display_name text NOT NULL,
    create_time timestamptz NOT NULL,
    expire_time timestamptz,
    delete_time timestamptz,
    last_open_time timestamptz,
    -- since it was opened last
    wrong_passwords int NOT NULL DEFAULT 0,
    -- until then it opens for nobody
    retry_time timestamptz
);
CREATE INDEX link_sheet ON link (workspace_id, sheet_id, create_time, link_id);

CREATE TABLE link_key (
    key_id uuid PRIMARY KEY,
    link_id uuid NOT NULL REFERENCES link,
    secret_hash bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    create_time timestamptz NOT NULL,
    -- at the link's end at the latest
    expire_time timestamptz NOT NULL
);
CREATE INDEX link_key_link ON link_key (link_id, create_time);
