-- Expands: counters with policies of their own, campaigns, who was known before; and chats that are entered again.

-- The workspace's own counter has the workspace's id and the default policy, and no row here.
CREATE TABLE counter (
    counter_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    display_name text NOT NULL,
    -- Version of the rule that the policy is written for.
    policy_version smallint NOT NULL,
    dedupe_level text NOT NULL CHECK (dedupe_level IN ('account', 'campaign', 'workspace')),
    window_days integer CHECK (window_days > 0),
    reentry_gap_days integer CHECK (reentry_gap_days > 0),
    base_mode text NOT NULL CHECK (base_mode IN ('repeat', 'exclude')),
    close_after_days integer NOT NULL CHECK (close_after_days >= 0),
    time_zone text NOT NULL,
    -- Filters; empty or NULL: everything.
    platforms smallint[] NOT NULL,
    account_ids uuid[] NOT NULL,
    campaign_id uuid,
    create_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX counter_workspace ON counter (workspace_id, create_time, counter_id);
CREATE TRIGGER counter_is_frozen BEFORE UPDATE OR DELETE ON counter
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A named set of accounts with a start and an optional end; no account is in two at a time.
CREATE TABLE campaign (
    campaign_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    display_name text NOT NULL,
    account_ids uuid[] NOT NULL,
    start_time timestamptz NOT NULL,
    end_time timestamptz,
    create_time timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT campaign_ends_after_its_start CHECK (end_time > start_time)
);
CREATE INDEX campaign_workspace ON campaign (workspace_id, create_time, campaign_id);

-- Channel users who were known before, by the imports that say so. What was undone stays, so that it cannot come back.
CREATE TABLE base (
    base_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    channel_user_id uuid NOT NULL,
    -- NULL: known to be undone, not yet to be imported.
    effective_from timestamptz,
    undone boolean NOT NULL
);
CREATE INDEX base_channel_user ON base (channel_user_id);

-- Workspaces that count by more than their own counter and first greetings: all others have no row in any of these
-- tables, and each batch looks here only.
CREATE TABLE special_workspace (
    workspace_id uuid PRIMARY KEY,
    -- More than the first greeting of a chat may be an entry: all messages of its chats are kept in chat_message.
    traced boolean NOT NULL,
    -- Up to here those of before were copied; NULL: all were, or none is to be.
    copied_time timestamptz,
    copied_message_id uuid
);

-- When somebody wrote in a chat, in the order of the chat.
CREATE TABLE chat_message (
    channel_user_id uuid NOT NULL,
    account_id uuid NOT NULL,
    occurred_time timestamptz NOT NULL,
    event_id uuid NOT NULL,
    message_id uuid NOT NULL,
    greeting boolean NOT NULL,
    PRIMARY KEY (channel_user_id, account_id, occurred_time, event_id)
);

-- Work to be done: every person of a workspace is to be judged again by all its counters, in the order of entries.
CREATE TABLE recount (
    recount_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    -- The counter or campaign for which it is done, and who made or changed that.
    cause_id uuid NOT NULL,
    actor text NOT NULL,
    -- The entry up to which it is done.
    cursor_time timestamptz NOT NULL DEFAULT '-infinity',
    cursor_event_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
);
CREATE INDEX recount_workspace ON recount (workspace_id);

-- The campaign in which something at an account is; NULL: it is in none.
CREATE FUNCTION campaign_of(workspace uuid, account uuid, at timestamptz) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT c.campaign_id
    FROM campaign AS c
    WHERE c.workspace_id = workspace
        AND account = ANY (c.account_ids)
        AND c.start_time <= at
        AND (c.end_time IS NULL OR at < c.end_time)
$$;

ALTER TABLE entry
    -- The event of an entry that is not the first of its chat; NULL: it is the first.
    ADD COLUMN again_event_id uuid,
    -- How long nobody had written anything in the chat; only of entries that are not its first.
    ADD COLUMN silence interval,
    DROP CONSTRAINT entry_place,
    ADD CONSTRAINT entry_place UNIQUE NULLS NOT DISTINCT (channel_user_id, account_id, again_event_id);

-- none: it was an entry at the counter and is none any more. Rows of before passed stricter checks and are not read again.
ALTER TABLE verdict
    DROP CONSTRAINT verdict_verdict_check,
    ADD CONSTRAINT verdict_verdict_check CHECK (verdict IN ('new', 'repeat', 'excluded', 'none')) NOT VALID,
    DROP CONSTRAINT verdict_names_what_it_repeats,
    ADD CONSTRAINT verdict_names_what_it_repeats CHECK ((verdict IN ('new', 'none')) = (repeat_of IS NULL)) NOT VALID;
