-- Expands: rules that set tags, and when people wrote last, of workspaces that have a rule about it.

CREATE SEQUENCE tag_rule_change;

CREATE TABLE tag_rule (
    rule_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    display_name text NOT NULL,
    tag text NOT NULL,
    kind text NOT NULL,
    days int NOT NULL,
    months int NOT NULL,
    rule_time timestamptz,
    currency text NOT NULL,
    amount_minor bigint NOT NULL,
    words text[] NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    delete_time timestamptz,
    -- up to when those who crossed its boundary were told of
    sweep_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- another one with each change: processes see by it that they have to read the rules anew
    change_number bigint NOT NULL DEFAULT nextval('tag_rule_change')
);
CREATE INDEX tag_rule_workspace_id ON tag_rule (workspace_id, create_time, rule_id) WHERE delete_time IS NULL;

-- When records wrote last, as far as it was noted.
CREATE TABLE contact_activity (
    contact_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    last_seen_time timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX contact_activity_last_seen ON contact_activity (workspace_id, last_seen_time);
