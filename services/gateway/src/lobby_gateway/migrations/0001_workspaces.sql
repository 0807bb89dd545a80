-- Tenants, their API keys, and who changed what about them.

CREATE TABLE workspace (
    workspace_id uuid PRIMARY KEY,
    display_name text NOT NULL,
    -- IANA name
    time_zone text NOT NULL,
    day_start_hour int NOT NULL DEFAULT 0 CHECK (day_start_hour BETWEEN 0 AND 23),
    agents_see_identifiers boolean NOT NULL DEFAULT false,
    create_time timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_key (
    key_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspace,
    -- SHA-256 of the secret, which is 256 random bits and kept nowhere
    secret_hash bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    role text NOT NULL CHECK (role IN ('owner', 'supervisor', 'agent', 'viewer', 'partner')),
    -- the agent for whom it acts
    agent_id text NOT NULL DEFAULT '',
    display_name text NOT NULL DEFAULT '',
    create_time timestamptz NOT NULL DEFAULT now(),
    revoke_time timestamptz,
    CHECK ((role = 'agent') = (agent_id <> ''))
);
CREATE INDEX api_key_workspace ON api_key (workspace_id, create_time, key_id);

CREATE TABLE audit_entry (
    entry_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspace,
    -- key or agent that did it; "admin" for the command line
    actor text NOT NULL,
    -- workspace_created, workspace_changed, key_created, key_revoked
    action text NOT NULL,
    -- id of what was changed
    subject_id text NOT NULL,
    -- what it was set to, without secrets
    detail jsonb NOT NULL DEFAULT '{}',
    create_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_entry_workspace ON audit_entry (workspace_id, create_time);
