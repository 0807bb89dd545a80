-- Expands: what agents handled, and when they were online.

-- Pieces of time in which an agent had a conversation in the foreground; those of an agent never overlap.
CREATE TABLE handled (
    event_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    account_id uuid NOT NULL,
    platform smallint NOT NULL,
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    CHECK (start_time < end_time)
);
CREATE INDEX handled_end ON handled (workspace_id, end_time);

-- What the presence of agents changed to.
CREATE TABLE presence (
    event_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    presence_time timestamptz NOT NULL,
    presence text NOT NULL
);
CREATE INDEX presence_agent ON presence (workspace_id, agent_id, presence_time);
