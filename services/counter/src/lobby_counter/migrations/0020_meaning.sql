-- Expands: channel users who were forgotten; schedules of accounts; wrap-up; prices.

-- Channel users who were forgotten: digests of their chat addresses are to go.
CREATE TABLE forgetting (
    channel_user_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    -- Digests that went; by them is found what was still on its way. They go with this row.
    chat_ids uuid[] NOT NULL DEFAULT '{}',
    passes integer NOT NULL DEFAULT 0,
    due_time timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX forgetting_due_time ON forgetting (due_time);

-- A schedule may be one account's: from its first one on the workspace's do not hold there. NULL: the whole workspace's.
ALTER TABLE schedule
    ADD COLUMN account_id uuid,
    DROP CONSTRAINT schedule_start,
    ADD CONSTRAINT schedule_start UNIQUE NULLS NOT DISTINCT (workspace_id, account_id, start_time);

-- The agent had said that he wraps it up.
ALTER TABLE handled ADD COLUMN wrap_up boolean NOT NULL DEFAULT false;

-- What a new person costs from a time on, in minor units of the currency; NULL: in every campaign and in none. What was said is
-- never changed: another price is another row.
CREATE TABLE price (
    price_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    campaign_id uuid,
    start_time timestamptz NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    actor text NOT NULL,
    create_time timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT price_start UNIQUE NULLS NOT DISTINCT (workspace_id, campaign_id, start_time)
);
CREATE TRIGGER price_is_frozen BEFORE UPDATE OR DELETE ON price
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The price of whoever came at an account at a time: the campaign's, else the workspace's, the last that had started.
CREATE FUNCTION price_of(workspace uuid, account uuid, at timestamptz)
RETURNS TABLE (price_minor bigint, currency text) LANGUAGE sql STABLE AS $$
    SELECT p.price_minor, p.currency
    FROM price AS p
    WHERE p.workspace_id = workspace
        AND p.start_time <= at
        AND (
            p.campaign_id IS NULL
            OR EXISTS (
                SELECT
                FROM campaign AS c
                WHERE c.campaign_id = p.campaign_id
                    AND account = ANY (c.account_ids)
                    AND c.start_time <= at
                    AND (c.end_time IS NULL OR at < c.end_time)
            )
        )
    ORDER BY p.campaign_id NULLS LAST, p.start_time DESC
    LIMIT 1
$$;
