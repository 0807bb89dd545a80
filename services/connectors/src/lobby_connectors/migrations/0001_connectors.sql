-- What connectors owns: accounts, raw webhooks, messages in and out, facts that wait for their message.

CREATE TABLE account (
    account_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    platform text NOT NULL,
    display_name text NOT NULL,
    -- sealed: key id, nonce, AES-GCM of the JSON; the account's id is part of the seal
    credentials bytea NOT NULL,
    api_base_url text NOT NULL DEFAULT '',
    settings jsonb NOT NULL DEFAULT '{}',
    -- the platform's own ids of the account and of what holds it, by which webhooks name it
    address text NOT NULL DEFAULT '',
    owner text NOT NULL DEFAULT '',
    -- phone digits of the account itself, learned from its webhooks: a number of ours is no customer
    numbers text[] NOT NULL DEFAULT '{}',
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 8),
    state_reason text NOT NULL DEFAULT '',
    state_time timestamptz NOT NULL DEFAULT now(),
    -- time of the platform's last word on the account: older words change nothing
    told_time timestamptz,
    -- when the platform is next told where to post; NULL where that is done or not our business
    webhook_due_time timestamptz,
    webhook_attempts int NOT NULL DEFAULT 0,
    create_time timestamptz NOT NULL DEFAULT now(),
    update_time timestamptz NOT NULL DEFAULT now(),
    delete_time timestamptz
);
CREATE INDEX account_of_workspace ON account (workspace_id, create_time, account_id) WHERE delete_time IS NULL;
CREATE INDEX account_changed ON account (update_time);
CREATE INDEX account_webhook_due ON account (webhook_due_time) WHERE webhook_due_time IS NOT NULL;

CREATE TABLE raw_webhook (
    webhook_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    account_id uuid NOT NULL,
    body bytea NOT NULL,
    received_time timestamptz NOT NULL,
    store_time timestamptz NOT NULL DEFAULT now(),
    traceparent text NOT NULL DEFAULT '',
    state text NOT NULL CHECK (state IN ('parsed', 'pending', 'quarantined')),
    reason text NOT NULL DEFAULT '',
    -- conservation: what the body said is new + duplicate + ignored + problems
    n_new int NOT NULL DEFAULT 0,
    n_duplicate int NOT NULL DEFAULT 0,
    n_ignored int NOT NULL DEFAULT 0,
    n_problems int NOT NULL DEFAULT 0,
    -- which rules left something out
    rules text[],
    attempts int NOT NULL DEFAULT 0,
    retry_time timestamptz
);
ALTER TABLE raw_webhook ALTER COLUMN body SET STORAGE EXTENDED;
CREATE INDEX raw_webhook_pending ON raw_webhook (retry_time) WHERE state = 'pending';
CREATE INDEX raw_webhook_not_parsed ON raw_webhook (workspace_id, webhook_id) WHERE state <> 'parsed';
CREATE INDEX raw_webhook_received ON raw_webhook USING brin (received_time);

CREATE SEQUENCE send_order;

CREATE TABLE message (
    message_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    account_id uuid NOT NULL,
    chat text NOT NULL,
    platform_message_id text NOT NULL,
    direction smallint NOT NULL CHECK (direction IN (1, 2)),
    kind smallint NOT NULL,
    text text NOT NULL,
    attachments jsonb,
    author_kind text NOT NULL,
    author_id text NOT NULL DEFAULT '',
    provider_time timestamptz,
    occurred_time timestamptz NOT NULL,
    received_time timestamptz NOT NULL,
    -- the transaction's time: its events are found by it
    store_time timestamptz NOT NULL DEFAULT now(),
    -- the times of later transactions that told something of it
    told_times timestamptz[] NOT NULL DEFAULT '{}',
    reply_to text NOT NULL DEFAULT '',
    webhook_id uuid,
    traceparent text NOT NULL DEFAULT '',
    edit_time timestamptz,
    delete_time timestamptz,
    reactions jsonb,
    reaction_time timestamptz,
    -- outbound only
    delivery smallint CHECK (delivery BETWEEN 1 AND 7),
    conversation_id text,
    seen_seq bigint,
    source_text text,
    language text,
    error jsonb,
    accept_time timestamptz,
    delivery_time timestamptz,
    -- order inside its chat
    send_order bigint,
    -- requests that it takes, and how many of them the platform has accepted
    parts smallint,
    parts_done smallint,
    -- rises with each retry by call: with it the retry key changes
    generation smallint,
    attempts smallint,
    due_time timestamptz,
    -- the process that is calling the platform; it holds an advisory lock of this number
    sender int,
    CHECK ((direction = 2) = (delivery IS NOT NULL))
);
CREATE INDEX message_by_platform_id ON message (account_id, platform_message_id);
CREATE INDEX message_of_chat ON message (account_id, chat, occurred_time, received_time, message_id);
CREATE INDEX message_to_send ON message (account_id, chat, send_order) WHERE delivery IN (1, 2);

-- the platform's ids of an outbound message's further parts, and of earlier attempts at it
CREATE TABLE message_part (
    account_id uuid NOT NULL,
    platform_message_id text NOT NULL,
    message_id uuid NOT NULL,
    part smallint NOT NULL,
    generation smallint NOT NULL,
    PRIMARY KEY (account_id, platform_message_id)
);

-- what was told of a message before the message itself
CREATE TABLE waiting_fact (
    fact_id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    platform_message_id text NOT NULL,
    chat text NOT NULL DEFAULT '',
    fact bytea NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX waiting_fact_target ON waiting_fact (account_id, platform_message_id);
CREATE INDEX waiting_fact_age ON waiting_fact (create_time);

-- facts that have no row of their own, so that they are told once
CREATE TABLE told_fact (
    fact_id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now()
);

-- customers whose names are asked for, where webhooks do not bring them
CREATE TABLE profile (
    account_id uuid NOT NULL,
    chat text NOT NULL,
    workspace_id uuid NOT NULL,
    display_name text NOT NULL DEFAULT '',
    locale text NOT NULL DEFAULT '',
    attempts int NOT NULL DEFAULT 0,
    due_time timestamptz,
    fetch_time timestamptz,
    PRIMARY KEY (account_id, chat)
);
CREATE INDEX profile_due ON profile (due_time) WHERE due_time IS NOT NULL;
