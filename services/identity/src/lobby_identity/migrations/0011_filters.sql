-- Expands: contacts are found by tag, stage and attribute. Each index is made while others write.
DROP INDEX CONCURRENTLY IF EXISTS contact_tag_tag;
CREATE INDEX CONCURRENTLY contact_tag_tag ON contact_tag (workspace_id, tag);
DROP INDEX CONCURRENTLY IF EXISTS stage_change_stage;
CREATE INDEX CONCURRENTLY stage_change_stage ON stage_change (workspace_id, stage);
DROP INDEX CONCURRENTLY IF EXISTS purchase_currency;
CREATE INDEX CONCURRENTLY purchase_currency ON purchase (workspace_id, currency);
-- Texts by their digest: one of 2,000 characters does not fit into an index.
DROP INDEX CONCURRENTLY IF EXISTS contact_attribute_text;
CREATE INDEX CONCURRENTLY contact_attribute_text
ON contact_attribute (workspace_id, attribute_name, hashtextextended(text_value, 0)) WHERE text_value IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS contact_attribute_number;
CREATE INDEX CONCURRENTLY contact_attribute_number
ON contact_attribute (workspace_id, attribute_name, number_value) WHERE number_value IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS contact_attribute_boolean;
CREATE INDEX CONCURRENTLY contact_attribute_boolean
ON contact_attribute (workspace_id, attribute_name, boolean_value) WHERE boolean_value IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS contact_attribute_time;
CREATE INDEX CONCURRENTLY contact_attribute_time
ON contact_attribute (workspace_id, attribute_name, time_value) WHERE time_value IS NOT NULL;
-- Tags that imports of long ago left on the contact itself are found as all others are.
INSERT INTO contact_tag (workspace_id, contact_id, tag, origin, source_id)
SELECT c.workspace_id, c.contact_id, o.tag, 'import', ''
FROM contact AS c
CROSS JOIN LATERAL unnest(c.tags) AS o (tag)
WHERE c.tags <> '{}'
ON CONFLICT DO NOTHING;
