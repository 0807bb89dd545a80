-- The ledger of entries and corrections, and what the other figures are made of.
-- A counter judges entries by its policy; the workspace's own counter has the workspace's id as counter_id. Sheets will be
-- further counters over the same entries.

-- Whose each channel user is, by the newest merge or split; version -1: known from a message only.
CREATE TABLE channel_user (
    channel_user_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX channel_user_contact ON channel_user (contact_id);

-- Which channel user writes under a chat address; the address itself is personal and stays out: its digest is kept.
CREATE TABLE chat (
    chat_id uuid PRIMARY KEY,
    channel_user_id uuid NOT NULL
);

-- One light row per message: what makes counting it twice impossible, and gives the edges that roll-ups cannot.
CREATE TABLE message (
    message_id uuid PRIMARY KEY,
    event_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    account_id uuid NOT NULL,
    channel_user_id uuid,
    -- Who held the conversation, or wrote the message; NULL: nobody yet, or staff in the platform's own app.
    agent_id uuid,
    -- The chat whose channel user is not known yet; NULL once it is.
    awaited_chat_id uuid,
    occurred_time timestamptz NOT NULL,
    counted_time timestamptz NOT NULL DEFAULT now(),
    platform smallint NOT NULL,
    -- 1 from the customer, 2 to the customer.
    direction smallint NOT NULL CHECK (direction IN (1, 2)),
    -- Written by a person, not by a bot.
    human boolean NOT NULL,
    greeting boolean NOT NULL
);
CREATE INDEX message_time ON message (workspace_id, occurred_time);
CREATE INDEX message_answer_time ON message (workspace_id, occurred_time) WHERE direction = 2 AND human;
CREATE INDEX message_answer_user ON message (channel_user_id) WHERE direction = 2 AND human;
CREATE INDEX message_unheld ON message (account_id, channel_user_id) WHERE direction = 1 AND agent_id IS NULL;
CREATE INDEX message_awaiting ON message (awaited_chat_id) WHERE awaited_chat_id IS NOT NULL;

-- Messages by quarter of an hour (UTC): every time zone's hours and days are sums of quarters.
CREATE TABLE traffic (
    workspace_id uuid NOT NULL,
    slot timestamptz NOT NULL,
    account_id uuid NOT NULL,
    platform smallint NOT NULL,
    agent_id uuid,
    messages_in bigint NOT NULL DEFAULT 0,
    messages_out bigint NOT NULL DEFAULT 0,
    CONSTRAINT traffic_key UNIQUE NULLS NOT DISTINCT (workspace_id, slot, account_id, platform, agent_id)
) WITH (fillfactor = 70);

-- The first valid greeting of one channel user at one account.
CREATE TABLE entry (
    entry_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    account_id uuid NOT NULL,
    channel_user_id uuid NOT NULL,
    event_id uuid NOT NULL CONSTRAINT entry_event UNIQUE,
    message_id uuid NOT NULL CONSTRAINT entry_message UNIQUE,
    -- The first agent of its conversation, then frozen.
    agent_id uuid,
    occurred_time timestamptz NOT NULL,
    received_time timestamptz NOT NULL,
    platform smallint NOT NULL,
    -- Version of MessageTranslated that told the language; 0: the customer's client told it, or nobody.
    language_version integer NOT NULL DEFAULT 0,
    language text NOT NULL DEFAULT '',
    campaign_id text NOT NULL DEFAULT '',
    country text NOT NULL DEFAULT '',
    -- Channel user first: all entries of a person are found by it.
    CONSTRAINT entry_place UNIQUE (channel_user_id, account_id)
);
CREATE INDEX entry_time ON entry (workspace_id, occurred_time, event_id);

-- What an entry counts as at a counter: first as it was judged first, then as it is now.
CREATE TABLE verdict (
    counter_id uuid NOT NULL,
    entry_id uuid NOT NULL REFERENCES entry,
    repeat_of uuid,
    judged_contact_id uuid NOT NULL,
    first_time timestamptz NOT NULL,
    judged_time timestamptz NOT NULL DEFAULT now(),
    first_verdict text NOT NULL CHECK (first_verdict IN ('new', 'repeat', 'excluded')),
    verdict text NOT NULL CHECK (verdict IN ('new', 'repeat', 'excluded')),
    reason text NOT NULL,
    PRIMARY KEY (counter_id, entry_id),
    CONSTRAINT verdict_names_what_it_repeats CHECK ((verdict = 'new') = (repeat_of IS NULL))
);
CREATE INDEX verdict_first_time ON verdict (counter_id, first_time);

-- Every change of a verdict, or of the time at which it counts. First verdicts and corrections add up to what is now.
CREATE TABLE correction (
    correction_id uuid PRIMARY KEY,
    counter_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    from_verdict text NOT NULL,
    to_verdict text NOT NULL,
    reason text NOT NULL,
    caused_by text NOT NULL,
    cause_id uuid NOT NULL,
    actor text NOT NULL,
    -- When the entry occurred, as believed before and after.
    from_time timestamptz NOT NULL,
    to_time timestamptz NOT NULL,
    -- Where recorded figures lose and gain it: these times while their days are open, else the time of the correction.
    from_booked_time timestamptz NOT NULL,
    to_booked_time timestamptz NOT NULL,
    effective_day date NOT NULL,
    booked_day date NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (counter_id, entry_id) REFERENCES verdict
);
CREATE INDEX correction_entry ON correction (entry_id);
CREATE INDEX correction_from ON correction (counter_id, from_booked_time);
CREATE INDEX correction_to ON correction (counter_id, to_booked_time);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER correction_is_append_only BEFORE UPDATE OR DELETE ON correction
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What routing told of a conversation; also where a first agent waits for his entry.
CREATE TABLE conversation (
    conversation_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    account_id uuid NOT NULL,
    channel_user_id uuid NOT NULL,
    agent_id uuid,
    first_agent_id uuid,
    -- Position in its lane of the last event folded in.
    position bigint NOT NULL,
    platform smallint NOT NULL,
    CONSTRAINT conversation_place UNIQUE (channel_user_id, account_id)
) WITH (fillfactor = 70);

-- From the oldest unanswered message to the first human answer that the platform accepted, or to the close.
CREATE TABLE wait (
    wait_id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversation,
    workspace_id uuid NOT NULL,
    agent_id uuid,
    end_agent_id uuid,
    owed_since timestamptz NOT NULL,
    end_time timestamptz,
    ending text CHECK (ending IN ('answered', 'closed')),
    close_reason text NOT NULL DEFAULT '',
    CONSTRAINT wait_ends_somehow CHECK ((end_time IS NULL) = (ending IS NULL))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX wait_open ON wait (conversation_id) WHERE end_time IS NULL;
CREATE INDEX wait_owed ON wait (workspace_id, owed_since) WHERE end_time IS NULL;

-- Languages that were told before the entry of their message was there.
CREATE TABLE awaited_language (
    message_id uuid PRIMARY KEY,
    version integer NOT NULL,
    language text NOT NULL
);

-- When the days of a workspace begin, as its gateway said last: corrections are booked without asking anybody.
CREATE TABLE calendar (
    workspace_id uuid PRIMARY KEY,
    time_zone text NOT NULL,
    day_start_hour integer NOT NULL
);
