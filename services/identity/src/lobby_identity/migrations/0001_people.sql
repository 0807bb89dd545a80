-- People: identifier -> channel user (immutable) -> root (flat pointer). Links are the truth, pointers are derived.

-- A contact as it was born, and what is known of it. A merge changes nothing here.
CREATE TABLE contact (
    workspace_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    display_name text NOT NULL DEFAULT '',
    -- folded, for search by the start of a name
    name_key text COLLATE "C" NOT NULL DEFAULT '',
    language text NOT NULL DEFAULT '',
    country text NOT NULL DEFAULT '',
    tags text[] NOT NULL DEFAULT '{}',
    -- occurred time of the earliest greeting
    first_entry_time timestamptz,
    -- time of the newest hint that changed name, language or country
    profile_time timestamptz,
    create_time timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, contact_id)
);
CREATE INDEX contact_name_key ON contact (workspace_id, name_key, contact_id) WHERE name_key <> '';

-- A platform user: what all of its identifiers lead to, for ever.
CREATE TABLE channel_user (
    channel_user_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    -- the contact it was born with
    contact_id uuid NOT NULL UNIQUE,
    -- the canonical contact of the person; changed only under the lock of the root (lock_roots)
    root_id uuid NOT NULL,
    -- version of the last change of the person's membership
    version bigint NOT NULL DEFAULT 0,
    -- version in which contact_id last stopped being a root
    below_since bigint NOT NULL DEFAULT 0,
    platform smallint NOT NULL,
    first_seen_time timestamptz NOT NULL
);
CREATE INDEX channel_user_root_id ON channel_user (root_id) WHERE root_id <> contact_id;

-- Drawn under the locks of the roots, so it rises with every change of a person's membership.
CREATE SEQUENCE membership_version;

CREATE TABLE identifier (
    workspace_id uuid NOT NULL,
    -- what equal addresses have in common: the value, for phones without the variants of their notation
    match_key text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    -- from then on it matches no more; one holder at a time is what the key says
    retired_time timestamptz NOT NULL DEFAULT 'infinity',
    value text NOT NULL,
    -- none: somebody claims this phone as his, and its channel user has not been met
    channel_user_id uuid,
    platform smallint NOT NULL,
    first_seen_time timestamptz NOT NULL,
    -- it was claimed before its channel user was met
    claimed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (workspace_id, match_key, kind, scope, retired_time)
);
CREATE INDEX identifier_channel_user_id ON identifier (channel_user_id);

-- Phones that a platform vouches to be a channel user's, and nobody held when it said so.
CREATE TABLE phone_claim (
    workspace_id uuid NOT NULL,
    match_key text COLLATE "C" NOT NULL,
    channel_user_id uuid NOT NULL,
    value text NOT NULL,
    event_id text NOT NULL,
    claim_time timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, match_key, channel_user_id)
);
CREATE INDEX phone_claim_channel_user_id ON phone_claim (channel_user_id);

-- Claims whose phone has no owner yet; one made in a former owner's time was about him.
CREATE VIEW waiting_claim AS
SELECT p.workspace_id, p.match_key, p.channel_user_id, p.value, p.claim_time
FROM phone_claim AS p
JOIN identifier AS i
    ON i.workspace_id = p.workspace_id AND i.match_key = p.match_key AND i.kind = 'phone' AND i.scope = ''
    AND i.retired_time = 'infinity' AND i.channel_user_id IS NULL
WHERE NOT EXISTS (
    SELECT FROM identifier AS f
    WHERE f.workspace_id = p.workspace_id AND f.match_key = p.match_key AND f.kind = 'phone' AND f.scope = ''
        AND f.retired_time > p.claim_time AND f.retired_time < 'infinity' AND f.channel_user_id IS NOT NULL
);

-- Why two contacts are one person. Never deleted; ended by an undo.
CREATE TABLE link (
    link_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    other_contact_id uuid NOT NULL CHECK (other_contact_id <> contact_id),
    -- manual, platform_alias or verified_phone
    evidence text NOT NULL,
    -- who made it; empty for the rule
    actor text NOT NULL,
    note text NOT NULL DEFAULT '',
    -- the event that showed the evidence; empty where a person did
    cause_id text NOT NULL DEFAULT '',
    -- the roots of both ends before it, and the version it made (0: they were one already)
    contact_root_id uuid NOT NULL,
    other_root_id uuid NOT NULL,
    version bigint NOT NULL,
    create_time timestamptz NOT NULL,
    end_time timestamptz,
    end_actor text NOT NULL DEFAULT '',
    -- undone, or group_too_large where it never held
    end_reason text NOT NULL DEFAULT '',
    CHECK ((end_time IS NULL) = (end_reason = ''))
);
CREATE INDEX link_contact_id ON link (contact_id) WHERE end_time IS NULL;

-- Where a channel user came from first; never overwritten by a later touch.
CREATE TABLE first_touch (
    channel_user_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    account_id text NOT NULL,
    touch_time timestamptz NOT NULL,
    source_type text NOT NULL,
    source_id text NOT NULL,
    click_id text NOT NULL,
    source_url text NOT NULL,
    headline text NOT NULL
);
