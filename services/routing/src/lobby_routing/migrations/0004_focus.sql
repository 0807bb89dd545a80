-- Expands: what each agent has in the foreground.
CREATE TABLE focus (
    agent_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    start_time timestamptz NOT NULL,
    -- when his screen last said that he does something there
    beat_time timestamptz NOT NULL
);
