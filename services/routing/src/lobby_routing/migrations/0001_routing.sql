-- Agents, conversations, and why each conversation went to whom.

-- One row per workspace, made with its first agent or message. Whoever assigns or changes conversations locks it first: so loads,
-- turns and the pool stand still while somebody decides, and nothing is given to two agents.
CREATE TABLE workspace (
    workspace_id uuid PRIMARY KEY
);

CREATE TABLE agent (
    agent_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    display_name text NOT NULL,
    languages text[] NOT NULL,
    countries text[] NOT NULL,
    teams text[] NOT NULL,
    capacity int NOT NULL CHECK (capacity >= 0),
    presence text NOT NULL DEFAULT 'offline' CHECK (presence IN ('online', 'away', 'offline')),
    presence_time timestamptz NOT NULL DEFAULT now(),
    create_time timestamptz NOT NULL DEFAULT now(),
    -- when he last got a conversation by round robin: rises over the workspace
    turn bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE INDEX agent_workspace ON agent (workspace_id, create_time, agent_id);

-- Higher goes first where the reply window does not decide. Platforms on which people leave soonest come first.
CREATE TABLE platform_priority (
    platform text PRIMARY KEY,
    priority int NOT NULL
);
INSERT INTO platform_priority (platform, priority) VALUES
    ('webchat', 80),
    ('whatsapp', 70),
    ('tiktok', 60),
    ('messenger', 50),
    ('instagram', 50),
    ('zalo', 40),
    ('line', 30),
    ('telegram', 20);

CREATE TABLE conversation (
    conversation_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    account_id uuid NOT NULL,
    platform text NOT NULL,
    channel_user_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    chat text NOT NULL,
    display_name text NOT NULL,
    country text NOT NULL,
    language text NOT NULL,
    closed boolean NOT NULL,
    episode int NOT NULL CHECK (episode > 0),
    agent_id uuid,
    was_assigned boolean NOT NULL,
    answer_agent_id uuid,
    answer_time timestamptz,
    team text NOT NULL,
    released_by uuid,
    pooled boolean NOT NULL,
    inbound_seq bigint NOT NULL,
    answered_seq bigint NOT NULL,
    echo_time timestamptz,
    ended_by uuid,
    owed_since timestamptz,
    lease_agent_id uuid,
    lease_expire_time timestamptz,
    inbound_time timestamptz,
    last_message_id uuid,
    last_message_text text NOT NULL,
    last_message_time timestamptz,
    -- the hour of last_message_time: indexed instead of it, so that a message in the same hour touches no index
    last_message_hour timestamptz,
    window_close_time timestamptz,
    CHECK (owed_since IS NULL OR NOT closed)
) WITH (fillfactor = 60);
-- The pool, and what each agent carries.
CREATE INDEX conversation_owed ON conversation (workspace_id, agent_id) WHERE owed_since IS NOT NULL;
CREATE INDEX conversation_recent ON conversation (workspace_id, last_message_hour);
CREATE INDEX conversation_contact ON conversation (contact_id);
CREATE INDEX conversation_channel_user ON conversation (channel_user_id);

-- Which conversation a chat address belongs to. A language may be known before the conversation is.
CREATE TABLE chat (
    account_id uuid NOT NULL,
    chat text NOT NULL,
    conversation_id uuid,
    -- language of the customer as translate found it; empty where it has not
    language text NOT NULL DEFAULT '',
    bind_time timestamptz,
    PRIMARY KEY (account_id, chat)
) WITH (fillfactor = 80);
CREATE INDEX chat_conversation ON chat (conversation_id);

-- Messages as they stand in conversations; their texts are connectors'.
CREATE TABLE conversation_message (
    message_id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL,
    -- inbound: how many effective messages had come with it; outbound: how many the writer had seen
    seq bigint NOT NULL,
    inbound boolean NOT NULL,
    effective boolean NOT NULL,
    echo boolean NOT NULL,
    occurred_time timestamptz NOT NULL,
    -- what it did here, for its journey
    effects text NOT NULL,
    apply_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX conversation_message_seq ON conversation_message (conversation_id, seq);
CREATE INDEX conversation_message_echo ON conversation_message (conversation_id, occurred_time) WHERE echo;

-- What each agent has seen of a conversation.
CREATE TABLE seen (
    conversation_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (conversation_id, agent_id)
);

CREATE TABLE decision (
    decision_id bigint GENERATED ALWAYS AS IDENTITY,
    conversation_id uuid NOT NULL,
    decide_time timestamptz NOT NULL,
    agent_id uuid,
    strategy text NOT NULL,
    reason text NOT NULL,
    -- [[agent_id, load, capacity, excluded_because], …]
    candidates jsonb NOT NULL,
    message_id uuid,
    PRIMARY KEY (conversation_id, decision_id)
);

-- Events that came before the conversation or message they are about; applied when it comes.
CREATE TABLE waiting_event (
    event_id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    chat text NOT NULL,
    event bytea NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX waiting_event_chat ON waiting_event (account_id, chat);

-- The contact of a channel user after merges and splits; kept also for those who have not written to us yet.
CREATE TABLE contact_pointer (
    channel_user_id uuid PRIMARY KEY,
    contact_id uuid NOT NULL,
    version bigint NOT NULL
);

-- Sends that passed the checks; repeating one soon does not check again, for its message may be on its way.
CREATE TABLE admitted_send (
    workspace_id uuid NOT NULL,
    request_id text NOT NULL,
    conversation_id uuid NOT NULL,
    seen_seq bigint NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, request_id)
);
CREATE INDEX admitted_send_create_time ON admitted_send (create_time);
