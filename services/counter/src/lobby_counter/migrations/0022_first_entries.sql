-- Expands: an entry that was the first of its chat may become a further one (an earlier greeting came late) and keep its id:
-- until there is another first one, nothing is known of the chat in the days that are made.
CREATE OR REPLACE FUNCTION change_days_by_chats() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    sides chat_side[];
BEGIN
    IF TG_OP <> 'DELETE' THEN
        sides := ARRAY(
            SELECT ROW(channel_user_id, account_id, campaign_id, language, country, 1)::chat_side
            FROM after
            WHERE again_event_id IS NULL
        );
    END IF;
    IF TG_OP <> 'INSERT' THEN
        sides := sides || ARRAY(
            SELECT ROW(channel_user_id, account_id, campaign_id, language, country, -1)::chat_side
            FROM before
            WHERE again_event_id IS NULL
        );
    END IF;
    -- Where there is no first entry nothing is known.
    sides := sides || ARRAY(
        SELECT ROW(s.channel_user_id, s.account_id, '', '', '', -sum(s.weight))::chat_side
        FROM unnest(sides) AS s
        GROUP BY s.channel_user_id, s.account_id
        HAVING sum(s.weight) <> 0
    );
    sides := ARRAY(
        SELECT ROW(channel_user_id, account_id, campaign_id, language, country, sum(weight))::chat_side
        FROM unnest(sides)
        GROUP BY channel_user_id, account_id, campaign_id, language, country
        HAVING sum(weight) <> 0
    );
    IF cardinality(sides) = 0 THEN
        RETURN NULL;
    END IF;
    -- Of most chats in which somebody writes for the first time nothing is made yet. OFFSET keeps each a search of its own,
    -- also while nobody knows how large the tables are.
    IF NOT EXISTS (
        SELECT
        FROM unnest(sides) AS s
        CROSS JOIN LATERAL (
            SELECT
            FROM chat_day
            WHERE channel_user_id = s.channel_user_id AND account_id = s.account_id
            OFFSET 0
        ) AS c
    ) AND NOT EXISTS (
        SELECT
        FROM unnest(sides) AS s
        CROSS JOIN LATERAL (
            SELECT conversation_id, workspace_id
            FROM conversation
            WHERE channel_user_id = s.channel_user_id AND account_id = s.account_id
            OFFSET 0
        ) AS c
        CROSS JOIN LATERAL (
            SELECT owed_since FROM wait WHERE conversation_id = c.conversation_id OFFSET 0
        ) AS w
        JOIN day_mark AS k ON k.workspace_id = c.workspace_id AND w.owed_since < k.until
    ) THEN
        RETURN NULL;
    END IF;
    PERFORM move_chats(sides);
    RETURN NULL;
END
$$;
