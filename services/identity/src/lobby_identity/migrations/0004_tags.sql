-- Expands: who or what set each tag of a contact, who took it away, and on which platform a person came first.

-- A tag of one record, once for each who or what set it. A merge changes nothing here. What `contact.tags` holds was set
-- by imports of the release before, and is read besides.
CREATE TABLE contact_tag (
    workspace_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    tag text COLLATE "C" NOT NULL,
    origin text NOT NULL CHECK (origin IN ('agent', 'api', 'rule', 'import')),
    -- the agent, key, rule or import; empty where it is not known any more
    source_id text COLLATE "C" NOT NULL,
    -- another one each time that it is set: what hid it before does not hide it now
    setting_id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- NULL where it is not known any more
    set_time timestamptz,
    PRIMARY KEY (workspace_id, contact_id, tag, origin, source_id)
);

-- A tag that somebody took away from a record: whoever is one person with that record does not show it.
CREATE TABLE hidden_tag (
    setting_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    actor text NOT NULL,
    hide_time timestamptz NOT NULL,
    PRIMARY KEY (setting_id, contact_id)
);
CREATE INDEX hidden_tag_contact_id ON hidden_tag (contact_id);

-- 0: of before, when only touches with a source were kept.
ALTER TABLE first_touch ADD COLUMN platform smallint NOT NULL DEFAULT 0;
