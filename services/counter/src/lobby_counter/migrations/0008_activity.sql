-- Expands: who wrote in which hour and day, so that people of long periods are counted without reading their messages.

-- Channel users who wrote something that counts, and their people as of then, in hours and days (UTC; width in minutes).
CREATE TABLE activity (
    workspace_id uuid NOT NULL,
    width smallint NOT NULL CHECK (width IN (60, 1440)),
    slot timestamptz NOT NULL,
    account_id uuid NOT NULL,
    platform smallint NOT NULL,
    -- As of the messages.
    agent_id uuid,
    channel_user_ids uuid[] NOT NULL,
    contact_ids uuid[] NOT NULL,
    CONSTRAINT activity_key UNIQUE NULLS NOT DISTINCT (workspace_id, width, slot, account_id, platform, agent_id)
);

-- Up to when a workspace's hours are there, and the whole days before it.
CREATE TABLE activity_mark (
    workspace_id uuid PRIMARY KEY,
    until timestamptz NOT NULL
);

-- Hours before that of which messages came or changed since: they are made again.
CREATE TABLE activity_dirty (
    workspace_id uuid NOT NULL,
    slot timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, slot)
);

-- Only these may be another person than when they wrote.
CREATE INDEX channel_user_regrouped ON channel_user (workspace_id) WHERE version >= 0;
