-- name: list_prices
-- The prices of a workspace, the one that starts last first.
SELECT price_id::text, campaign_id::text, start_time, price_minor, currency, create_time
FROM price
WHERE workspace_id = $1
ORDER BY start_time DESC, price_id DESC

-- name: insert_price
-- There is a new price.
INSERT INTO price (price_id, workspace_id, campaign_id, start_time, price_minor, currency, actor)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING create_time

-- name: has_prices
-- Whether anybody said what a new person costs.
SELECT EXISTS (SELECT FROM price WHERE workspace_id = $1)

-- name: count_costs
-- People who were new and missed in any way as of $11, each once per row, and what was paid for their coming, by currency (NULL: no
-- price had been said): all of them, and those whom no person ever answered.
WITH figure AS MATERIALIZED (
    SELECT DISTINCT
        width_bucket(
            CASE WHEN $9::boolean THEN coalesce(w.end_time, $11::timestamptz) ELSE w.owed_since END, $2::timestamptz[]
        ) AS bucket,
        CASE WHEN 'account' = ANY ($3::text[]) THEN c.account_id::text END AS account_id,
        CASE WHEN 'platform' = ANY ($3::text[]) THEN c.platform END AS platform,
        CASE WHEN 'agent' = ANY ($3::text[]) THEN coalesce(w.agent_id::text, '') END AS agent_id,
        c.channel_user_id,
        c.account_id AS at_account_id
    FROM wait AS w
    JOIN conversation AS c ON c.conversation_id = w.conversation_id
    WHERE w.workspace_id = $1
        AND w.first
        AND (
            w.late_time < coalesce(w.end_time, $11)
            OR w.window_lost_time <= coalesce(w.end_time, $11)
            OR w.unanswered_time < coalesce(w.end_time, $11)
        )
        AND ($9 OR w.owed_since >= $7 AND w.owed_since < $8)
        AND (NOT $9 OR coalesce(w.end_time, $11) >= $7 AND coalesce(w.end_time, $11) < $8)
        AND ($4::uuid IS NULL OR c.account_id = $4)
        AND ($5::smallint IS NULL OR c.platform = $5)
        AND ($6::uuid IS NULL OR w.agent_id = $6)
        AND ($10::boolean IS NULL OR w.first = $10)
), split AS MATERIALIZED (
    SELECT DISTINCT
        f.bucket, f.account_id, f.platform, f.agent_id,
        CASE WHEN 'campaign' = ANY ($3) THEN coalesce(e.campaign_id, '') END AS campaign_id,
        CASE WHEN 'language' = ANY ($3) THEN coalesce(e.language, '') END AS language,
        CASE WHEN 'country' = ANY ($3) THEN coalesce(e.country, '') END AS country,
        coalesce(u.contact_id, f.channel_user_id) AS person, p.price_minor, p.currency,
        NOT EXISTS (
            SELECT
            FROM channel_user AS other
            JOIN message AS m ON m.channel_user_id = other.channel_user_id AND m.direction = 2 AND m.human
            WHERE other.contact_id = u.contact_id
        ) AS lost
    FROM figure AS f
    JOIN entry AS e
        ON e.channel_user_id = f.channel_user_id AND e.account_id = f.at_account_id AND e.again_event_id IS NULL
    JOIN verdict AS v ON v.counter_id = $1 AND v.entry_id = e.entry_id AND v.verdict = 'new'
    LEFT JOIN channel_user AS u ON u.channel_user_id = f.channel_user_id
    LEFT JOIN LATERAL price_of($1, e.account_id, e.occurred_time) AS p ON true
), whole AS (
    SELECT DISTINCT person, lost, price_minor, currency FROM split
)
SELECT
    false AS total, bucket, account_id, platform, agent_id, campaign_id, language, country, currency,
    count(*) AS missed_people,
    count(*) FILTER (WHERE lost) AS lost_people,
    coalesce(sum(price_minor), 0)::bigint AS missed_minor,
    coalesce(sum(price_minor) FILTER (WHERE lost), 0)::bigint AS lost_minor
FROM split
GROUP BY bucket, account_id, platform, agent_id, campaign_id, language, country, currency
UNION ALL
SELECT
    true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, currency, count(*), count(*) FILTER (WHERE lost),
    coalesce(sum(price_minor), 0)::bigint, coalesce(sum(price_minor) FILTER (WHERE lost), 0)::bigint
FROM whole
GROUP BY currency
