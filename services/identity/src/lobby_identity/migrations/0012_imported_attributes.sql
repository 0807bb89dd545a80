-- Expands: columns of a file hold attributes.

-- A value that an import gave a record, of the attribute's kind: it counts where nobody said anything of the person, and of
-- several the first one. So an import that is taken back leaves what would be there without it.
CREATE TABLE imported_attribute (
    workspace_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    attribute_name text COLLATE "C" NOT NULL,
    import_id uuid NOT NULL,
    text_value text,
    number_value double precision,
    boolean_value boolean,
    time_value timestamptz,
    -- by the database's clock, so that the first one is the same for every replica
    set_time timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, contact_id, attribute_name, import_id)
);
CREATE INDEX imported_attribute_text
ON imported_attribute (workspace_id, attribute_name, hashtextextended(text_value, 0)) WHERE text_value IS NOT NULL;
CREATE INDEX imported_attribute_number
ON imported_attribute (workspace_id, attribute_name, number_value) WHERE number_value IS NOT NULL;
CREATE INDEX imported_attribute_boolean
ON imported_attribute (workspace_id, attribute_name, boolean_value) WHERE boolean_value IS NOT NULL;
CREATE INDEX imported_attribute_time
ON imported_attribute (workspace_id, attribute_name, time_value) WHERE time_value IS NOT NULL;

-- All values of records, by whom or by what they were set; those that were taken away have none.
CREATE VIEW attribute_value AS
SELECT
    workspace_id, contact_id, attribute_name, text_value, number_value, boolean_value, time_value, origin, source_id,
    set_time
FROM contact_attribute
UNION ALL
SELECT
    workspace_id, contact_id, attribute_name, text_value, number_value, boolean_value, time_value, 'import',
    import_id::text, set_time
FROM imported_attribute;

-- Names of the attributes that columns hold, "" for other columns, which alone `columns` describes: it says ignored of these.
ALTER TABLE base_import ADD COLUMN attributes text[] NOT NULL DEFAULT '{}';

-- Values of attributes as they were read: kind and text by the attribute's name. NULL where the row says none.
ALTER TABLE import_staged ADD COLUMN attributes text;
