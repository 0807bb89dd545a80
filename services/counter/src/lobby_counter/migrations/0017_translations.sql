-- Expands: texts that agents could not read for want of a translation.

-- One row per version of a message that was told as not translated, and per message of which the first was told late.
CREATE TABLE untranslated (
    message_id uuid NOT NULL,
    version integer NOT NULL,
    account_id uuid NOT NULL,
    chat_id uuid NOT NULL,
    start_time timestamptz NOT NULL,
    -- When it was there; NULL: not yet.
    end_time timestamptz,
    PRIMARY KEY (message_id, version)
);
CREATE INDEX untranslated_chat ON untranslated (chat_id);

-- Chats of a channel user: what was told of a chat is found by its conversation.
CREATE INDEX chat_channel_user ON chat (channel_user_id);
