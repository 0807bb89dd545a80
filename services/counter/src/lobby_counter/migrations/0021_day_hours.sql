-- Expands: figures by hours of local days too, kept with the days, so that those of a month by the hour are read from few
-- rows. Days are made anew: until then figures are read as if there were none.

-- Who has read the mark is waited for, and who has not yet finds none.
TRUNCATE day_mark, day_start, chat_day, day_figure, day_return;

-- What was written in a chat in an hour of a day: hours are as long as any, and begin with the day.
ALTER TABLE chat_day
    ADD COLUMN hour timestamptz NOT NULL,
    DROP CONSTRAINT chat_day_key,
    ADD CONSTRAINT chat_day_key UNIQUE NULLS NOT DISTINCT (channel_user_id, account_id, agent_id, hour);
DROP INDEX chat_day_workspace;
CREATE INDEX chat_day_day ON chat_day (workspace_id, day);

-- The figures of an hour by the values of one grouping, as those of a day.
CREATE TABLE hour_figure (
    workspace_id uuid NOT NULL,
    facet smallint NOT NULL CHECK (facet BETWEEN 0 AND 6),
    hour timestamptz NOT NULL,
    value text NOT NULL,
    messages_in integer NOT NULL DEFAULT 0,
    messages_out integer NOT NULL DEFAULT 0,
    new integer NOT NULL DEFAULT 0,
    repeat integer NOT NULL DEFAULT 0,
    excluded integer NOT NULL DEFAULT 0,
    recorded_new integer NOT NULL DEFAULT 0,
    recorded_repeat integer NOT NULL DEFAULT 0,
    recorded_excluded integer NOT NULL DEFAULT 0,
    late integer NOT NULL DEFAULT 0,
    lost_window integer NOT NULL DEFAULT 0,
    unanswered integer NOT NULL DEFAULT 0,
    wrote integer NOT NULL DEFAULT 0,
    served integer NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, facet, hour, value)
) WITH (fillfactor = 70);

-- Code of before makes days without knowing of hours.
CREATE FUNCTION begin_hours() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM hour_figure WHERE workspace_id = NEW.workspace_id;
    RETURN NEW;
END
$$;
CREATE TRIGGER hours_begin_with_days BEFORE INSERT ON day_mark FOR EACH ROW EXECUTE FUNCTION begin_hours();

-- Figures that add up are as after the changes; none of these lies outside of what is made.
CREATE OR REPLACE FUNCTION change_figures(changes figure_change[]) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
    WITH change AS MATERIALIZED (
        SELECT
            c.workspace_id, f.facet, c.day, c.hour, f.value,
            coalesce(sum(c.weight) FILTER (WHERE c.figure = 'new'), 0) AS new,
            coalesce(sum(c.weight) FILTER (WHERE c.figure = 'repeat'), 0) AS repeat,
            coalesce(sum(c.weight) FILTER (WHERE c.figure = 'excluded'), 0) AS excluded,
            coalesce(sum(c.weight) FILTER (WHERE c.figure = 'recorded_new'), 0) AS recorded_new,
            coalesce(sum(c.weight) FILTER (WHERE c.figure = 'recorded_repeat'), 0) AS recorded_repeat,
            coalesce(sum(c.weight) FILTER (WHERE c.figure = 'recorded_excluded'), 0) AS recorded_excluded,
            coalesce(sum(c.weight) FILTER (WHERE c.figure = 'late'), 0) AS late,
            coalesce(sum(c.weight) FILTER (WHERE c.figure = 'lost_window'), 0) AS lost_window,
            coalesce(sum(c.weight) FILTER (WHERE c.figure = 'unanswered'), 0) AS unanswered
        FROM (
            SELECT
                e.workspace_id, d.day, date_bin('1 hour', e.at, d.day) AS hour, e.account_id, e.platform, e.agent_id,
                e.campaign_id, e.language, e.country, e.figure, sum(e.weight) AS weight
            FROM unnest(changes) AS e
            CROSS JOIN LATERAL (
                SELECT day FROM day_start WHERE workspace_id = e.workspace_id AND day <= e.at ORDER BY day DESC LIMIT 1
            ) AS d
            WHERE e.figure NOT IN ('none', 'recorded_none')
            GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
            HAVING sum(e.weight) <> 0
        ) AS c
        CROSS JOIN facets(c.account_id, c.platform, c.agent_id, c.campaign_id, c.language, c.country) AS f
        GROUP BY c.workspace_id, f.facet, c.day, c.hour, f.value
    ), hours AS (
        INSERT INTO hour_figure (
            workspace_id, facet, hour, value, new, repeat, excluded, recorded_new, recorded_repeat, recorded_excluded,
            late, lost_window, unanswered
        )
        SELECT
            workspace_id, facet, hour, value, new, repeat, excluded, recorded_new, recorded_repeat, recorded_excluded,
            late, lost_window, unanswered
        FROM change
        ORDER BY workspace_id, facet, hour, value
        ON CONFLICT (workspace_id, facet, hour, value)
        DO UPDATE SET
            new = hour_figure.new + excluded.new,
            repeat = hour_figure.repeat + excluded.repeat,
            excluded = hour_figure.excluded + excluded.excluded,
            recorded_new = hour_figure.recorded_new + excluded.recorded_new,
            recorded_repeat = hour_figure.recorded_repeat + excluded.recorded_repeat,
            recorded_excluded = hour_figure.recorded_excluded + excluded.recorded_excluded,
            late = hour_figure.late + excluded.late,
            lost_window = hour_figure.lost_window + excluded.lost_window,
            unanswered = hour_figure.unanswered + excluded.unanswered
    )
    INSERT INTO day_figure (
        workspace_id, facet, day, value, new, repeat, excluded, recorded_new, recorded_repeat, recorded_excluded, late,
        lost_window, unanswered
    )
    SELECT
        workspace_id, facet, day, value, sum(new), sum(repeat), sum(excluded), sum(recorded_new), sum(recorded_repeat),
        sum(recorded_excluded), sum(late), sum(lost_window), sum(unanswered)
    FROM change
    GROUP BY workspace_id, facet, day, value
    ORDER BY workspace_id, facet, day, value
    ON CONFLICT (workspace_id, facet, day, value)
    DO UPDATE SET
        new = day_figure.new + excluded.new,
        repeat = day_figure.repeat + excluded.repeat,
        excluded = day_figure.excluded + excluded.excluded,
        recorded_new = day_figure.recorded_new + excluded.recorded_new,
        recorded_repeat = day_figure.recorded_repeat + excluded.recorded_repeat,
        recorded_excluded = day_figure.recorded_excluded + excluded.recorded_excluded,
        late = day_figure.late + excluded.late,
        lost_window = day_figure.lost_window + excluded.lost_window,
        unanswered = day_figure.unanswered + excluded.unanswered
$$;

-- People of an hour, by one value.
CREATE TYPE hour_people AS (
    workspace_id uuid, facet smallint, hour timestamptz, value text, wrote bigint, served bigint
);

-- How people count by hour and value, who have all their channel users among these; NULL: in all hours.
CREATE FUNCTION people_of_hours(users uuid[], hours timestamptz[]) RETURNS SETOF hour_people
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT
        workspace_id, facet, hour, value, count(*) FILTER (WHERE wrote), count(*) FILTER (WHERE served)
    FROM (
        SELECT
            c.workspace_id, f.facet, c.hour, f.value, bool_or(c.greetings > 0) AS wrote, bool_or(c.answers > 0) AS served
        FROM chat_day AS c
        CROSS JOIN facets(c.account_id, c.platform, c.agent_id, c.campaign_id, c.language, c.country) AS f
        WHERE c.channel_user_id = ANY (users)
            AND (hours IS NULL OR c.hour = ANY (hours))
            AND (c.greetings > 0 OR c.answers > 0)
        GROUP BY c.person_id, f.facet, f.value, c.hour, c.workspace_id
    ) AS there
    GROUP BY workspace_id, facet, hour, value
$$;

-- People who counted as `before` and, in these hours, as `hours_before` count as they do now.
DROP FUNCTION count_people_again(uuid[], day_return[]);
CREATE FUNCTION count_people_again(
    users uuid[], before day_return[], hours timestamptz[], hours_before hour_people[]
) RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO hour_figure (workspace_id, facet, hour, value, wrote, served)
    SELECT workspace_id, facet, hour, value, sum(wrote), sum(served)
    FROM (
        SELECT workspace_id, facet, hour, value, wrote, served
        FROM people_of_hours(users, hours)
        UNION ALL
        SELECT workspace_id, facet, hour, value, -wrote, -served
        FROM unnest(hours_before)
    ) AS each
    GROUP BY workspace_id, facet, hour, value
    HAVING sum(wrote) <> 0 OR sum(served) <> 0
    ORDER BY workspace_id, facet, hour, value
    ON CONFLICT (workspace_id, facet, hour, value)
    DO UPDATE SET wrote = hour_figure.wrote + excluded.wrote, served = hour_figure.served + excluded.served;
    WITH change AS MATERIALIZED (
        SELECT workspace_id, facet, day, last_day, value, sum(wrote)::bigint AS wrote, sum(served)::bigint AS served
        FROM (
            SELECT workspace_id, facet, day, last_day, value, wrote, served
            FROM people_of(users)
            UNION ALL
            SELECT workspace_id, facet, day, last_day, value, -wrote, -served
            FROM unnest(before)
        ) AS each
        GROUP BY workspace_id, facet, day, last_day, value
        HAVING sum(wrote) <> 0 OR sum(served) <> 0
    ), again AS (
        INSERT INTO day_return (workspace_id, facet, day, last_day, value, wrote, served)
        SELECT workspace_id, facet, day, last_day, value, wrote, served
        FROM change
        WHERE last_day > '-infinity'
        ORDER BY workspace_id, facet, day, last_day, value
        ON CONFLICT (workspace_id, facet, day, last_day, value)
        DO UPDATE SET wrote = day_return.wrote + excluded.wrote, served = day_return.served + excluded.served
    )
    INSERT INTO day_figure (workspace_id, facet, day, value, wrote, served)
    SELECT workspace_id, facet, day, value, sum(wrote), sum(served)
    FROM change
    GROUP BY workspace_id, facet, day, value
    HAVING sum(wrote) <> 0 OR sum(served) <> 0
    ORDER BY workspace_id, facet, day, value
    ON CONFLICT (workspace_id, facet, day, value)
    DO UPDATE SET wrote = day_figure.wrote + excluded.wrote, served = day_figure.served + excluded.served
$$;

-- Messages of an hour by one value.
CREATE TYPE hour_messages AS (
    workspace_id uuid, facet smallint, day timestamptz, hour timestamptz, value text, messages_in bigint,
    messages_out bigint
);

-- So many messages more, or less, are in the days and hours.
CREATE FUNCTION change_messages(changes hour_messages[]) RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO hour_figure (workspace_id, facet, hour, value, messages_in, messages_out)
    SELECT workspace_id, facet, hour, value, sum(messages_in), sum(messages_out)
    FROM unnest(changes)
    GROUP BY workspace_id, facet, hour, value
    ORDER BY workspace_id, facet, hour, value
    ON CONFLICT (workspace_id, facet, hour, value)
    DO UPDATE SET
        messages_in = hour_figure.messages_in + excluded.messages_in,
        messages_out = hour_figure.messages_out + excluded.messages_out;
    INSERT INTO day_figure (workspace_id, facet, day, value, messages_in, messages_out)
    SELECT workspace_id, facet, day, value, sum(messages_in), sum(messages_out)
    FROM unnest(changes)
    GROUP BY workspace_id, facet, day, value
    ORDER BY workspace_id, facet, day, value
    ON CONFLICT (workspace_id, facet, day, value)
    DO UPDATE SET
        messages_in = day_figure.messages_in + excluded.messages_in,
        messages_out = day_figure.messages_out + excluded.messages_out
$$;

-- Chats, their messages and their people are as after the changes; none of these lies outside of what is made.
CREATE OR REPLACE FUNCTION change_chats(changes chat_change[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    users uuid[];
    hours timestamptz[];
    before day_return[];
    hours_before hour_people[];
    messages hour_messages[];
BEGIN
    -- Who is there in another hour than before: most that is written is written by who is there already.
    SELECT users_with(array_agg(DISTINCT c.channel_user_id)), array_agg(DISTINCT c.hour)
    INTO users, hours
    FROM (
        SELECT
            e.channel_user_id, e.account_id, e.agent_id, date_bin('1 hour', e.at, d.day) AS hour,
            sum(e.greetings) AS greetings, sum(e.answers) AS answers
        FROM unnest(changes) AS e
        CROSS JOIN LATERAL (
            SELECT day FROM day_start WHERE workspace_id = e.workspace_id AND day <= e.at ORDER BY day DESC LIMIT 1
        ) AS d
        GROUP BY 1, 2, 3, 4
    ) AS c
    LEFT JOIN LATERAL (
        SELECT greetings, answers
        FROM chat_day
        WHERE channel_user_id = c.channel_user_id
            AND account_id = c.account_id
            AND agent_id IS NOT DISTINCT FROM c.agent_id
            AND hour = c.hour
        OFFSET 0
    ) AS was ON true
    WHERE (coalesce(was.greetings, 0) > 0) <> (coalesce(was.greetings, 0) + c.greetings > 0)
        OR (coalesce(was.answers, 0) > 0) <> (coalesce(was.answers, 0) + c.answers > 0);
    before := ARRAY(SELECT p FROM people_of(users) AS p);
    hours_before := ARRAY(SELECT p FROM people_of_hours(users, hours) AS p);
    WITH change AS MATERIALIZED (
        SELECT
            e.workspace_id, e.channel_user_id, e.account_id, e.agent_id, d.day, date_bin('1 hour', e.at, d.day) AS hour,
            e.platform, sum(e.messages_in)::integer AS messages_in, sum(e.messages_out)::integer AS messages_out,
            sum(e.greetings)::integer AS greetings, sum(e.answers)::integer AS answers
        FROM unnest(changes) AS e
        CROSS JOIN LATERAL (
            SELECT day FROM day_start WHERE workspace_id = e.workspace_id AND day <= e.at ORDER BY day DESC LIMIT 1
        ) AS d
        GROUP BY 1, 2, 3, 4, 5, 6, 7
    ), kept AS (
        INSERT INTO chat_day (
            workspace_id, channel_user_id, account_id, agent_id, day, hour, platform, person_id, campaign_id, language,
            country, messages_in, messages_out, greetings, answers
        )
        SELECT
            c.workspace_id, c.channel_user_id, c.account_id, c.agent_id, c.day, c.hour, c.platform,
            coalesce(u.contact_id, c.channel_user_id), coalesce(e.campaign_id, ''), coalesce(e.language, ''),
            coalesce(e.country, ''), c.messages_in, c.messages_out, c.greetings, c.answers
        FROM change AS c
        LEFT JOIN channel_user AS u ON u.channel_user_id = c.channel_user_id
        LEFT JOIN entry AS e
            ON e.channel_user_id = c.channel_user_id AND e.account_id = c.account_id AND e.again_event_id IS NULL
        ON CONFLICT ON CONSTRAINT chat_day_key
        DO UPDATE SET
            messages_in = chat_day.messages_in + excluded.messages_in,
            messages_out = chat_day.messages_out + excluded.messages_out,
            greetings = chat_day.greetings + excluded.greetings,
            answers = chat_day.answers + excluded.answers
        RETURNING channel_user_id, account_id, agent_id, hour, campaign_id, language, country
    )
    SELECT array_agg(
        ROW(c.workspace_id, f.facet, c.day, c.hour, f.value, c.messages_in, c.messages_out)::hour_messages
    )
    INTO messages
    FROM change AS c
    JOIN kept AS k
        ON k.channel_user_id = c.channel_user_id
            AND k.account_id = c.account_id
            AND k.hour = c.hour
            AND k.agent_id IS NOT DISTINCT FROM c.agent_id
    CROSS JOIN facets(c.account_id, c.platform, c.agent_id, k.campaign_id, k.language, k.country) AS f;
    PERFORM change_messages(messages);
    PERFORM count_people_again(users, before, hours, hours_before);
END
$$;

-- People whose channel users belong to others now are others in the days too.
CREATE OR REPLACE FUNCTION change_days_by_people() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    moved CONSTANT uuid[] := ARRAY(
        SELECT DISTINCT u.channel_user_id
        FROM after AS u
        JOIN chat_day AS c ON c.channel_user_id = u.channel_user_id AND c.person_id <> u.contact_id
    );
    users uuid[];
    before day_return[];
    hours_before hour_people[];
BEGIN
    IF cardinality(moved) = 0 THEN
        RETURN NULL;
    END IF;
    -- Also who stays with the person whom somebody leaves.
    users := users_with(moved || ARRAY(
        SELECT u.channel_user_id
        FROM channel_user AS u
        WHERE u.contact_id IN (SELECT person_id FROM chat_day WHERE channel_user_id = ANY (moved))
    ));
    before := ARRAY(SELECT p FROM people_of(users) AS p);
    hours_before := ARRAY(SELECT p FROM people_of_hours(users, NULL) AS p);
    UPDATE chat_day AS c
    SET person_id = u.contact_id
    FROM channel_user AS u
    WHERE c.channel_user_id = ANY (moved) AND u.channel_user_id = c.channel_user_id;
    PERFORM count_people_again(users, before, NULL, hours_before);
    RETURN NULL;
END
$$;

-- What is known of the first entry of a chat is known of its messages and waits.
CREATE OR REPLACE FUNCTION move_chats(sides chat_side[]) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    moved CONSTANT uuid[] := ARRAY(
        SELECT c.channel_user_id
        FROM unnest(sides) AS s
        JOIN chat_day AS c ON c.channel_user_id = s.channel_user_id AND c.account_id = s.account_id
    );
    users uuid[];
    before day_return[];
    hours_before hour_people[];
BEGIN
    IF cardinality(moved) > 0 THEN
        users := users_with(moved);
        before := ARRAY(SELECT p FROM people_of(users) AS p);
        hours_before := ARRAY(SELECT p FROM people_of_hours(users, NULL) AS p);
        PERFORM change_messages(ARRAY(
            SELECT
                ROW(
                    c.workspace_id, f.facet, c.day, c.hour, f.value, s.weight * c.messages_in, s.weight * c.messages_out
                )::hour_messages
            FROM unnest(sides) AS s
            JOIN chat_day AS c ON c.channel_user_id = s.channel_user_id AND c.account_id = s.account_id
            CROSS JOIN facets(NULL, NULL, NULL, s.campaign_id, s.language, s.country) AS f
            WHERE f.facet >= 4
        ));
        UPDATE chat_day AS c
        SET campaign_id = s.campaign_id, language = s.language, country = s.country
        FROM unnest(sides) AS s
        WHERE c.channel_user_id = s.channel_user_id AND c.account_id = s.account_id AND s.weight > 0;
        PERFORM count_people_again(users, before, NULL, hours_before);
    END IF;
    PERFORM change_figures(ARRAY(
        SELECT ROW(
            w.workspace_id, w.owed_since, c.account_id, c.platform, w.agent_id, s.campaign_id, s.language, s.country,
            m.figure, s.weight
        )::figure_change
        FROM unnest(sides) AS s
        JOIN conversation AS c ON c.channel_user_id = s.channel_user_id AND c.account_id = s.account_id
        JOIN day_mark AS k ON k.workspace_id = c.workspace_id
        JOIN wait AS w
            ON w.conversation_id = c.conversation_id AND w.owed_since >= k.since AND w.owed_since < k.until
        CROSS JOIN misses(w.late_time, w.window_lost_time, w.unanswered_time, w.end_time) AS m
    ));
END
$$;
