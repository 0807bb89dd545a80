-- Expands: channel users who were forgotten, whose conversations are to be emptied.

CREATE TABLE forgetting (
    channel_user_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    erase_time timestamptz NOT NULL,
    -- how often his conversations were looked at: a message of his may still have been on its way
    passes int NOT NULL DEFAULT 0,
    due_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX forgetting_due_time ON forgetting (due_time);
