-- The languages of chats and messages, their translations, what waits for one, and the memory.
-- Rows belong to their message by its id. No foreign keys: each would cost a look-up per message on the event path, and
-- the statements that write them join the message they belong to.

-- A chat as far as languages go: what the customer writes in, and what the agent reads.
CREATE TABLE chat (
    account_id uuid NOT NULL,
    chat text NOT NULL,
    workspace_id uuid NOT NULL,
    language text NOT NULL DEFAULT '',
    candidate text NOT NULL DEFAULT '',
    agent_id text NOT NULL DEFAULT '',
    agent_languages text[] NOT NULL DEFAULT '{}',
    assign_time timestamptz,
    PRIMARY KEY (account_id, chat)
);

-- A text of a customer: its language, and the last thing told about it. No text here: it may have to be forgotten.
CREATE TABLE message (
    message_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    account_id uuid NOT NULL,
    chat text NOT NULL,
    language text NOT NULL,
    confidence real NOT NULL,
    basis text NOT NULL,
    version integer NOT NULL DEFAULT 1,
    revision integer NOT NULL DEFAULT 1,
    deleted boolean NOT NULL DEFAULT false,
    target text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    provider text NOT NULL DEFAULT '',
    create_time timestamptz NOT NULL DEFAULT now(),
    outcome_time timestamptz
);

-- The text itself, as long as a translation may still be wished.
CREATE TABLE message_text (
    message_id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    chat text NOT NULL,
    occurred_time timestamptz NOT NULL,
    text text NOT NULL
);
CREATE INDEX message_text_recent ON message_text (account_id, chat, occurred_time DESC);

-- Translations of messages, by language; those of an older wording are deleted with it.
CREATE TABLE translation (
    message_id uuid NOT NULL,
    target text NOT NULL,
    text text NOT NULL,
    provider text NOT NULL,
    PRIMARY KEY (message_id, target)
);

-- What waits for an engine. Who works at a row moves its due_time, so that it comes back if he dies.
CREATE TABLE translation_job (
    message_id uuid NOT NULL,
    target text NOT NULL,
    revision integer NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    due_time timestamptz NOT NULL DEFAULT now(),
    expire_time timestamptz NOT NULL,
    cause_id text NOT NULL DEFAULT '',
    traceparent text NOT NULL DEFAULT '',
    PRIMARY KEY (message_id, target)
);
CREATE INDEX translation_job_due ON translation_job (due_time);

-- Translations by their key, which holds the workspace. A long text's belongs to its message.
CREATE TABLE memory (
    key bytea PRIMARY KEY,
    workspace_id uuid NOT NULL,
    core text NOT NULL,
    provider text NOT NULL,
    message_id uuid,
    make_time timestamptz NOT NULL DEFAULT now(),
    expire_time timestamptz NOT NULL
);
CREATE INDEX memory_expiring ON memory (expire_time);
CREATE INDEX memory_of_message ON memory (message_id) WHERE message_id IS NOT NULL;
