-- Expands: stages of people's life cycles.

-- What a workspace chose; without a row the defaults of the service hold.
CREATE TABLE life_cycle (
    workspace_id uuid PRIMARY KEY,
    stages text[] NOT NULL,
    purchase_stage text NOT NULL
);

-- A record moved to a stage. Never changed; a merge changes nothing here.
CREATE TABLE stage_change (
    change_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    stage text NOT NULL,
    former_stage text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('agent', 'api', 'rule')),
    source_id text NOT NULL,
    -- by the database's clock, so that the last one is the same for every replica
    change_time timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX stage_change_contact_id ON stage_change (contact_id, change_time DESC, change_id DESC);
