-- Expands: weak evidence, and what is made of it: suggestions for a person to decide.

-- What customers typed in their messages.
CREATE TABLE mention (
    workspace_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('phone', 'email')),
    match_key text COLLATE "C" NOT NULL,
    contact_id uuid NOT NULL,
    mention_time timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, kind, match_key, contact_id)
);
CREATE INDEX mention_contact_id ON mention (contact_id);

-- Values that too many people typed: an office's phone, a shop's e-mail. No evidence any more, for ever.
CREATE TABLE shared_value (
    workspace_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    match_key text COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace_id, kind, match_key)
);

-- Contacts of whom something is known that was not weighed yet.
CREATE TABLE unweighed (
    workspace_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    change_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (workspace_id, contact_id)
);
CREATE INDEX unweighed_change_time ON unweighed (change_time);

-- Digests of what alike contacts have in common: only those who share one are compared.
CREATE TABLE likeness_key (
    workspace_id uuid NOT NULL,
    key bigint NOT NULL,
    contact_id uuid NOT NULL,
    PRIMARY KEY (workspace_id, key, contact_id)
);
CREATE INDEX likeness_key_contact_id ON likeness_key (contact_id);

-- What a person said: these two are not one. Stops suggestions, and rules that would merge their persons.
CREATE TABLE not_same (
    workspace_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    other_contact_id uuid NOT NULL CHECK (contact_id < other_contact_id),
    actor text NOT NULL,
    note text NOT NULL,
    create_time timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, contact_id, other_contact_id)
);
CREATE INDEX not_same_contact_id ON not_same (contact_id);
CREATE INDEX not_same_other_contact_id ON not_same (other_contact_id);

-- Two contacts that may be one person. The pair keeps its row whatever becomes of it.
CREATE TABLE suggestion (
    suggestion_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    other_contact_id uuid NOT NULL CHECK (contact_id < other_contact_id),
    -- likeness; or strong evidence that was held: platform_alias, verified_phone
    evidence text NOT NULL,
    probability double precision NOT NULL CHECK (probability BETWEEN 0 AND 1),
    -- field, level and bits of each comparison
    reasons jsonb NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'confirmed', 'rejected')),
    merge_id uuid,
    actor text NOT NULL DEFAULT '',
    create_time timestamptz NOT NULL DEFAULT now(),
    decide_time timestamptz,
    CONSTRAINT suggestion_pair UNIQUE (workspace_id, contact_id, other_contact_id),
    CHECK ((state = 'open') = (decide_time IS NULL))
);
CREATE INDEX suggestion_state ON suggestion (workspace_id, state, probability, suggestion_id);
CREATE INDEX suggestion_other_contact_id ON suggestion (workspace_id, other_contact_id);

-- What a workspace chose; without a row the defaults of the service hold.
CREATE TABLE suggestion_policy (
    workspace_id uuid PRIMARY KEY,
    least_probability double precision NOT NULL,
    least_bulk_probability double precision NOT NULL
);
