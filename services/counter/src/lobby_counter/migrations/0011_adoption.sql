-- Expands: which counter a workspace counts by where none is named, and which judge nothing any more.

CREATE TABLE counter_adoption (
    adoption_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    -- The workspace's own counter has no row in counter.
    counter_id uuid NOT NULL,
    actor text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX counter_adoption_newest ON counter_adoption (workspace_id, create_time DESC);
CREATE TRIGGER counter_adoption_is_append_only BEFORE UPDATE OR DELETE ON counter_adoption
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE retired_counter (
    counter_id uuid PRIMARY KEY REFERENCES counter,
    actor text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now()
);
