-- Expands: messages that came long after they were written.

-- Messages of customers that reached Lobby long after they were written; all else of them is in message.
CREATE TABLE recovered (
    message_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    occurred_time timestamptz NOT NULL,
    received_time timestamptz NOT NULL
);
CREATE INDEX recovered_time ON recovered (workspace_id, occurred_time, message_id);
