-- Expands: attributes can be deleted, with all that was said by them.

-- Attributes that are gone while some of their values are still to be removed; nobody reads those, and there is no other
-- attribute of the name before the last one is.
CREATE TABLE IF NOT EXISTS deleted_attribute (
    workspace_id uuid NOT NULL,
    attribute_name text COLLATE "C" NOT NULL,
    actor text NOT NULL,
    delete_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, attribute_name)
);
DROP INDEX CONCURRENTLY IF EXISTS contact_attribute_name;
CREATE INDEX CONCURRENTLY contact_attribute_name ON contact_attribute (workspace_id, attribute_name);
DROP INDEX CONCURRENTLY IF EXISTS imported_attribute_name;
CREATE INDEX CONCURRENTLY imported_attribute_name ON imported_attribute (workspace_id, attribute_name);
