-- Expands: attributes that a workspace gives its contacts.

CREATE TABLE attribute (
    workspace_id uuid NOT NULL,
    attribute_name text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('text', 'number', 'boolean', 'time')),
    display_name text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, attribute_name)
);

-- The value of one record, of the attribute's kind; none: taken away, which hides older values of who is one person with it.
CREATE TABLE contact_attribute (
    workspace_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    attribute_name text COLLATE "C" NOT NULL,
    text_value text,
    number_value double precision,
    boolean_value boolean,
    time_value timestamptz,
    origin text NOT NULL CHECK (origin IN ('agent', 'api')),
    source_id text NOT NULL,
    -- by the database's clock, so that the last one is the same for every replica
    set_time timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, contact_id, attribute_name)
);
