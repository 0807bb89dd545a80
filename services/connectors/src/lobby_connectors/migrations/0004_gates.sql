-- What keeps sends within what platforms take: one gate per account and one per chat, shared by all processes.

-- When an account may be called. The rate (GCRA), a pause that the platform asked for and an open breaker are one time.
CREATE TABLE account_gate (
    account_id uuid PRIMARY KEY,
    -- rises with each claim: a claim that began before another one ended shows by it, and each claim has a number
    claims bigint NOT NULL DEFAULT 0,
    free_time timestamptz NOT NULL DEFAULT '-infinity',
    -- the breaker is open: one call at a time asks whether the platform answers again
    shut boolean NOT NULL DEFAULT false,
    -- calls since the first failure of the last half minute, and refused credentials in a row
    window_time timestamptz,
    calls int NOT NULL DEFAULT 0,
    failures int NOT NULL DEFAULT 0,
    refusals int NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- When a chat may be written to, where the platform limits that; a row whose time is past says nothing.
CREATE TABLE chat_gate (
    account_id uuid NOT NULL,
    chat text NOT NULL,
    free_time timestamptz NOT NULL,
    PRIMARY KEY (account_id, chat)
) WITH (fillfactor = 50);

ALTER TABLE message
    -- the number of the claim under which it is or was sent: results of earlier claims are told apart by it
    ADD COLUMN claim bigint,
    ADD COLUMN claim_time timestamptz,
    -- until when it may wait; NULL: written before this was kept
    ADD COLUMN expire_time timestamptz;

-- The first of a chat is the one under way, else the oldest that waits.
DROP INDEX message_to_send;
CREATE INDEX message_to_send ON message (account_id, chat, delivery DESC, send_order) WHERE delivery IN (1, 2);
CREATE INDEX message_queued ON message (account_id, send_order) WHERE delivery = 1;
