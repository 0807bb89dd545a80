-- Expands: figures by local days and by one grouping at a time, so that those of a month are read from few rows however
-- many entries it has; people too, of whom each counts once however many days a period has.

-- Up to when, and from when on, a workspace's days are made, and by which calendar they begin. A task makes them; what
-- changes later inside is put right in the transaction that changes it, by the triggers below.
CREATE TABLE day_mark (
    workspace_id uuid PRIMARY KEY,
    time_zone text NOT NULL,
    day_start_hour integer NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL
);

-- When days of a workspace begin; each day that is made, wholly or in part, has a row.
CREATE TABLE day_start (
    workspace_id uuid NOT NULL,
    day timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, day)
);

-- What was written in a chat on a day, by agent as of the messages.
CREATE TABLE chat_day (
    workspace_id uuid NOT NULL,
    -- All zeros: messages to a chat of which it is not known who is in it.
    channel_user_id uuid NOT NULL,
    account_id uuid NOT NULL,
    agent_id uuid,
    day timestamptz NOT NULL,
    platform smallint NOT NULL,
    -- Whose the channel user is now, and what is known of the first entry of the chat now.
    person_id uuid NOT NULL,
    campaign_id text NOT NULL,
    language text NOT NULL,
    country text NOT NULL,
    messages_in integer NOT NULL,
    messages_out integer NOT NULL,
    -- Those that count, and those of people.
    greetings integer NOT NULL,
    answers integer NOT NULL,
    CONSTRAINT chat_day_key UNIQUE NULLS NOT DISTINCT (channel_user_id, account_id, agent_id, day)
) WITH (fillfactor = 80);
CREATE INDEX chat_day_workspace ON chat_day (workspace_id);

-- The figures of a day by the values of one grouping.
CREATE TABLE day_figure (
    workspace_id uuid NOT NULL,
    -- 0: not grouped; 1: by account, 2: platform, 3: agent, 4: campaign, 5: language, 6: country.
    facet smallint NOT NULL CHECK (facet BETWEEN 0 AND 6),
    day timestamptz NOT NULL,
    value text NOT NULL,
    messages_in bigint NOT NULL DEFAULT 0,
    messages_out bigint NOT NULL DEFAULT 0,
    new bigint NOT NULL DEFAULT 0,
    repeat bigint NOT NULL DEFAULT 0,
    excluded bigint NOT NULL DEFAULT 0,
    recorded_new bigint NOT NULL DEFAULT 0,
    recorded_repeat bigint NOT NULL DEFAULT 0,
    recorded_excluded bigint NOT NULL DEFAULT 0,
    -- Waits that are over.
    late bigint NOT NULL DEFAULT 0,
    lost_window bigint NOT NULL DEFAULT 0,
    unanswered bigint NOT NULL DEFAULT 0,
    -- People who wrote something that counts, and people who were answered by one.
    wrote bigint NOT NULL DEFAULT 0,
    served bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, facet, day, value)
) WITH (fillfactor = 70);

-- The people of a day who had been there before, by their last day before: a person is in a period once more than before
-- it on the days on which the last day lies outside of it. So people of any days are sums.
CREATE TABLE day_return (
    workspace_id uuid NOT NULL,
    facet smallint NOT NULL,
    day timestamptz NOT NULL,
    last_day timestamptz NOT NULL,
    value text NOT NULL,
    wrote bigint NOT NULL,
    served bigint NOT NULL,
    PRIMARY KEY (workspace_id, facet, day, last_day, value)
) WITH (fillfactor = 70);

-- One message more or less in a chat.
CREATE TYPE chat_change AS (
    workspace_id uuid, channel_user_id uuid, account_id uuid, agent_id uuid, platform smallint, at timestamptz,
    messages_in integer, messages_out integer, greetings integer, answers integer
);

-- One of a figure more or less.
CREATE TYPE figure_change AS (
    workspace_id uuid, at timestamptz, account_id uuid, platform smallint, agent_id uuid, campaign_id text, language text,
    country text, figure text, weight integer
);

-- The values by which something is found, one of each grouping.
CREATE FUNCTION facets(account uuid, platform smallint, agent uuid, campaign text, language text, country text)
RETURNS TABLE (facet smallint, value text) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    VALUES
        (0::smallint, ''), (1::smallint, account::text), (2::smallint, platform::text),
        (3::smallint, coalesce(agent::text, '')), (4::smallint, campaign), (5::smallint, language), (6::smallint, country)
$$;

-- Figures that add up are as after the changes; none of these lies outside of what is made.
CREATE FUNCTION change_figures(changes figure_change[]) RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO day_figure (
        workspace_id, facet, day, value, new, repeat, excluded, recorded_new, recorded_repeat, recorded_excluded, late,
        lost_window, unanswered
    )
    SELECT
        c.workspace_id, f.facet, c.day, f.value,
        coalesce(sum(c.weight) FILTER (WHERE c.figure = 'new'), 0),
        coalesce(sum(c.weight) FILTER (WHERE c.figure = 'repeat'), 0),
        coalesce(sum(c.weight) FILTER (WHERE c.figure = 'excluded'), 0),
        coalesce(sum(c.weight) FILTER (WHERE c.figure = 'recorded_new'), 0),
        coalesce(sum(c.weight) FILTER (WHERE c.figure = 'recorded_repeat'), 0),
        coalesce(sum(c.weight) FILTER (WHERE c.figure = 'recorded_excluded'), 0),
        coalesce(sum(c.weight) FILTER (WHERE c.figure = 'late'), 0),
        coalesce(sum(c.weight) FILTER (WHERE c.figure = 'lost_window'), 0),
        coalesce(sum(c.weight) FILTER (WHERE c.figure = 'unanswered'), 0)
    FROM (
        SELECT
            e.workspace_id, d.day, e.account_id, e.platform, e.agent_id, e.campaign_id, e.language, e.country, e.figure,
            sum(e.weight) AS weight
        FROM unnest(changes) AS e
        CROSS JOIN LATERAL (
            SELECT day FROM day_start WHERE workspace_id = e.workspace_id AND day <= e.at ORDER BY day DESC LIMIT 1
        ) AS d
        WHERE e.figure NOT IN ('none', 'recorded_none')
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
        HAVING sum(e.weight) <> 0
    ) AS c
    CROSS JOIN facets(c.account_id, c.platform, c.agent_id, c.campaign_id, c.language, c.country) AS f
    GROUP BY c.workspace_id, f.facet, c.day, f.value
    ORDER BY c.workspace_id, f.facet, c.day, f.value
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

-- All channel users of the people to whom some belong.
CREATE FUNCTION users_with(users uuid[]) RETURNS uuid[] LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT array_agg(channel_user_id)
    FROM (
        SELECT unnest(users) AS channel_user_id
        UNION
        SELECT other.channel_user_id
        FROM channel_user AS u
        JOIN channel_user AS other ON other.contact_id = u.contact_id
        WHERE u.channel_user_id = ANY (users)
    ) AS everybody
$$;

-- How people count by day, value and last day before (-infinity: none), who have all their channel users among these.
CREATE FUNCTION people_of(users uuid[]) RETURNS SETOF day_return LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT
        each.workspace_id, each.facet, each.day, last.day, each.value, sum(last.wrote)::bigint,
        sum(last.served)::bigint
    FROM (
        SELECT
            workspace_id, facet, value, day, wrote, served,
            -- The days come in their order: the last one before is the greatest.
            max(day) FILTER (WHERE wrote) OVER before AS wrote_day,
            max(day) FILTER (WHERE served) OVER before AS served_day
        FROM (
            SELECT
                c.workspace_id, c.person_id, f.facet, f.value, c.day, bool_or(c.greetings > 0) AS wrote,
                bool_or(c.answers > 0) AS served
            FROM chat_day AS c
            CROSS JOIN facets(c.account_id, c.platform, c.agent_id, c.campaign_id, c.language, c.country) AS f
            WHERE c.channel_user_id = ANY (users) AND (c.greetings > 0 OR c.answers > 0)
            GROUP BY c.person_id, f.facet, f.value, c.day, c.workspace_id
        ) AS there
        WINDOW before AS (
            PARTITION BY person_id, facet, value ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    ) AS each
    CROSS JOIN LATERAL (
        VALUES
            (coalesce(each.wrote_day, '-infinity'), each.wrote::integer, 0),
            (coalesce(each.served_day, '-infinity'), 0, each.served::integer)
    ) AS last (day, wrote, served)
    WHERE last.wrote + last.served > 0
    GROUP BY each.workspace_id, each.facet, each.day, last.day, each.value
$$;

-- People who counted as `before` count as they do now.
CREATE FUNCTION count_people_again(users uuid[], before day_return[]) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
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

-- Chats, their messages and their people are as after the changes; none of these lies outside of what is made.
CREATE FUNCTION change_chats(changes chat_change[]) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    -- Who is there on another day than before: most that is written is written by who is there already.
    users CONSTANT uuid[] := users_with(ARRAY(
        SELECT DISTINCT c.channel_user_id
        FROM (
            SELECT
                e.channel_user_id, e.account_id, e.agent_id, d.day, sum(e.greetings) AS greetings,
                sum(e.answers) AS answers
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
                AND day = c.day
            OFFSET 0
        ) AS was ON true
        WHERE (coalesce(was.greetings, 0) > 0) <> (coalesce(was.greetings, 0) + c.greetings > 0)
            OR (coalesce(was.answers, 0) > 0) <> (coalesce(was.answers, 0) + c.answers > 0)
    ));
    before CONSTANT day_return[] := ARRAY(SELECT p FROM people_of(users) AS p);
BEGIN
    WITH change AS MATERIALIZED (
        SELECT
            e.workspace_id, e.channel_user_id, e.account_id, e.agent_id, d.day, e.platform,
            sum(e.messages_in)::integer AS messages_in, sum(e.messages_out)::integer AS messages_out,
            sum(e.greetings)::integer AS greetings, sum(e.answers)::integer AS answers
        FROM unnest(changes) AS e
        CROSS JOIN LATERAL (
            SELECT day FROM day_start WHERE workspace_id = e.workspace_id AND day <= e.at ORDER BY day DESC LIMIT 1
        ) AS d
        GROUP BY 1, 2, 3, 4, 5, 6
    ), kept AS (
        INSERT INTO chat_day (
            workspace_id, channel_user_id, account_id, agent_id, day, platform, person_id, campaign_id, language, country,
            messages_in, messages_out, greetings, answers
        )
        SELECT
            c.workspace_id, c.channel_user_id, c.account_id, c.agent_id, c.day, c.platform,
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
        RETURNING channel_user_id, account_id, agent_id, day, campaign_id, language, country
    )
    INSERT INTO day_figure (workspace_id, facet, day, value, messages_in, messages_out)
    SELECT c.workspace_id, f.facet, c.day, f.value, sum(c.messages_in), sum(c.messages_out)
    FROM change AS c
    JOIN kept AS k
        ON k.channel_user_id = c.channel_user_id
            AND k.account_id = c.account_id
            AND k.day = c.day
            AND k.agent_id IS NOT DISTINCT FROM c.agent_id
    CROSS JOIN facets(c.account_id, c.platform, c.agent_id, k.campaign_id, k.language, k.country) AS f
    GROUP BY c.workspace_id, f.facet, c.day, f.value
    ORDER BY c.workspace_id, f.facet, c.day, f.value
    ON CONFLICT (workspace_id, facet, day, value)
    DO UPDATE SET
        messages_in = day_figure.messages_in + excluded.messages_in,
        messages_out = day_figure.messages_out + excluded.messages_out;
    PERFORM count_people_again(users, before);
END
$$;

-- A message (`told`) as a change, more or less by `weight`.
CREATE FUNCTION as_change(told message, weight integer) RETURNS chat_change LANGUAGE sql IMMUTABLE AS $$
    SELECT ROW(
        told.workspace_id, coalesce(told.channel_user_id, '00000000-0000-0000-0000-000000000000'), told.account_id,
        told.agent_id, told.platform, told.occurred_time, weight * (told.direction = 1)::integer,
        weight * (told.direction = 2)::integer, weight * (told.direction = 1 AND told.greeting)::integer,
        weight * (told.direction = 2 AND told.human AND told.channel_user_id IS NOT NULL)::integer
    )::chat_change
$$;

CREATE FUNCTION change_days_by_messages() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    changes chat_change[];
BEGIN
    IF TG_OP <> 'DELETE' THEN
        changes := ARRAY(
            SELECT as_change(ROW(t.*)::message, 1)
            FROM after AS t
            JOIN day_mark AS k USING (workspace_id)
            WHERE t.occurred_time >= k.since AND t.occurred_time < k.until
        );
    END IF;
    IF TG_OP <> 'INSERT' THEN
        changes := changes || ARRAY(
            SELECT as_change(ROW(t.*)::message, -1)
            FROM before AS t
            JOIN day_mark AS k USING (workspace_id)
            WHERE t.occurred_time >= k.since AND t.occurred_time < k.until
        );
    END IF;
    IF cardinality(changes) > 0 THEN
        PERFORM change_chats(changes);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER message_is_in_days AFTER INSERT ON message REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_messages();
CREATE TRIGGER message_is_out_of_days AFTER DELETE ON message REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_messages();
CREATE TRIGGER message_is_moved_in_days AFTER UPDATE ON message REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_messages();

-- People whose channel users belong to others now are others in the days too.
CREATE FUNCTION change_days_by_people() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    moved CONSTANT uuid[] := ARRAY(
        SELECT DISTINCT u.channel_user_id
        FROM after AS u
        JOIN chat_day AS c ON c.channel_user_id = u.channel_user_id AND c.person_id <> u.contact_id
    );
    users uuid[];
    before day_return[];
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
    UPDATE chat_day AS c
    SET person_id = u.contact_id
    FROM channel_user AS u
    WHERE c.channel_user_id = ANY (moved) AND u.channel_user_id = c.channel_user_id;
    PERFORM count_people_again(users, before);
    RETURN NULL;
END
$$;
CREATE TRIGGER channel_user_is_in_days AFTER INSERT ON channel_user REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_people();
CREATE TRIGGER channel_user_is_moved_in_days AFTER UPDATE ON channel_user REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_people();

-- What an entry is as it was recorded: its first verdict, and each correction where it is booked.
CREATE VIEW recorded AS
    SELECT counter_id, entry_id, first_time AS at, 'recorded_' || first_verdict AS figure, 1 AS weight
    FROM verdict
    UNION ALL
    SELECT counter_id, entry_id, from_booked_time, 'recorded_' || from_verdict, -1
    FROM correction
    UNION ALL
    SELECT counter_id, entry_id, to_booked_time, 'recorded_' || to_verdict, 1
    FROM correction;

-- Verdicts (`judged`) are in the days that are made, or out of them: 1 or -1.
CREATE FUNCTION change_days_by_verdicts() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    weight CONSTANT integer := TG_ARGV[0];
    changes figure_change[];
BEGIN
    -- An entry is judged first at its own time: of most that come nothing is made yet, and nothing more is read.
    IF TG_OP = 'INSERT' AND NOT EXISTS (
        SELECT FROM judged AS j JOIN day_mark AS k ON k.workspace_id = j.counter_id AND j.first_time < k.until
    ) THEN
        RETURN NULL;
    END IF;
    changes := ARRAY(
        SELECT ROW(
            e.workspace_id, b.at, e.account_id, e.platform, e.agent_id, e.campaign_id, e.language, e.country, b.figure,
            weight
        )::figure_change
        FROM judged AS j
        JOIN day_mark AS k ON k.workspace_id = j.counter_id
        JOIN entry AS e ON e.entry_id = j.entry_id AND e.workspace_id = j.counter_id
        CROSS JOIN LATERAL (
            VALUES (e.occurred_time, j.verdict), (j.first_time, 'recorded_' || j.first_verdict)
        ) AS b (at, figure)
        WHERE b.at >= k.since AND b.at < k.until
    );
    IF cardinality(changes) > 0 THEN
        PERFORM change_figures(changes);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER verdict_is_in_days AFTER INSERT ON verdict REFERENCING NEW TABLE AS judged
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_verdicts('1');
CREATE TRIGGER verdict_is_out_of_days AFTER DELETE ON verdict REFERENCING OLD TABLE AS judged
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_verdicts('-1');
CREATE TRIGGER verdict_of_before_is_out_of_days AFTER UPDATE ON verdict REFERENCING OLD TABLE AS judged
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_verdicts('-1');
CREATE TRIGGER verdict_of_now_is_in_days AFTER UPDATE ON verdict REFERENCING NEW TABLE AS judged
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_verdicts('1');

CREATE FUNCTION change_days_by_corrections() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    changes CONSTANT figure_change[] := ARRAY(
        SELECT ROW(
            e.workspace_id, b.at, e.account_id, e.platform, e.agent_id, e.campaign_id, e.language, e.country, b.figure,
            b.weight
        )::figure_change
        FROM made AS c
        JOIN day_mark AS k ON k.workspace_id = c.counter_id
        JOIN entry AS e ON e.entry_id = c.entry_id AND e.workspace_id = c.counter_id
        CROSS JOIN LATERAL (
            VALUES
                (c.from_booked_time, 'recorded_' || c.from_verdict, -1),
                (c.to_booked_time, 'recorded_' || c.to_verdict, 1)
        ) AS b (at, figure, weight)
        WHERE b.at >= k.since AND b.at < k.until
    );
BEGIN
    IF cardinality(changes) > 0 THEN
        PERFORM change_figures(changes);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER correction_is_in_days AFTER INSERT ON correction REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_corrections();

-- Entries of another time or group count there, as all that was recorded of them.
CREATE FUNCTION change_days_by_moved_entries() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    changes figure_change[];
BEGIN
    -- Entries only become earlier: all that was recorded of one is at or after its time.
    IF NOT EXISTS (
        SELECT
        FROM (SELECT workspace_id, occurred_time FROM before UNION ALL SELECT workspace_id, occurred_time FROM after) AS e
        JOIN day_mark AS k ON k.workspace_id = e.workspace_id AND e.occurred_time < k.until
    ) THEN
        RETURN NULL;
    END IF;
    changes := ARRAY(
        SELECT ROW(
            e.workspace_id, b.at, e.account_id, e.platform, e.agent_id, e.campaign_id, e.language, e.country, b.figure,
            e.weight * b.weight
        )::figure_change
        FROM (
            -- What is the same before and after cancels out.
            SELECT
                entry_id, workspace_id, account_id, platform, agent_id, occurred_time, campaign_id, language, country,
                sum(weight) AS weight
            FROM (
                SELECT
                    entry_id, workspace_id, account_id, platform, agent_id, occurred_time, campaign_id, language, country,
                    -1 AS weight
                FROM before
                UNION ALL
                SELECT
                    entry_id, workspace_id, account_id, platform, agent_id, occurred_time, campaign_id, language, country,
                    1
                FROM after
            ) AS side
            GROUP BY
                entry_id, workspace_id, account_id, platform, agent_id, occurred_time, campaign_id, language, country
            HAVING sum(weight) <> 0
        ) AS e
        JOIN day_mark AS k ON k.workspace_id = e.workspace_id
        CROSS JOIN LATERAL (
            SELECT e.occurred_time AS at, v.verdict AS figure, 1 AS weight
            FROM verdict AS v
            WHERE v.counter_id = e.workspace_id AND v.entry_id = e.entry_id
            UNION ALL
            SELECT at, figure, weight
            FROM recorded AS r
            WHERE r.counter_id = e.workspace_id AND r.entry_id = e.entry_id
        ) AS b
        WHERE b.at >= k.since AND b.at < k.until
    );
    IF cardinality(changes) > 0 THEN
        PERFORM change_figures(changes);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER entry_is_moved_in_days AFTER UPDATE ON entry REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_moved_entries();

-- What is known of the first entry of a chat is known of its messages and waits.
CREATE TYPE chat_side AS (
    channel_user_id uuid, account_id uuid, campaign_id text, language text, country text, weight integer
);
CREATE FUNCTION move_chats(sides chat_side[]) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    moved CONSTANT uuid[] := ARRAY(
        SELECT c.channel_user_id
        FROM unnest(sides) AS s
        JOIN chat_day AS c ON c.channel_user_id = s.channel_user_id AND c.account_id = s.account_id
    );
    users uuid[];
    before day_return[];
BEGIN
    IF cardinality(moved) > 0 THEN
        users := users_with(moved);
        before := ARRAY(SELECT p FROM people_of(users) AS p);
        INSERT INTO day_figure (workspace_id, facet, day, value, messages_in, messages_out)
        SELECT
            c.workspace_id, f.facet, c.day, f.value, sum(s.weight * c.messages_in), sum(s.weight * c.messages_out)
        FROM unnest(sides) AS s
        JOIN chat_day AS c ON c.channel_user_id = s.channel_user_id AND c.account_id = s.account_id
        CROSS JOIN facets(NULL, NULL, NULL, s.campaign_id, s.language, s.country) AS f
        WHERE f.facet >= 4
        GROUP BY c.workspace_id, f.facet, c.day, f.value
        ORDER BY c.workspace_id, f.facet, c.day, f.value
        ON CONFLICT (workspace_id, facet, day, value)
        DO UPDATE SET
            messages_in = day_figure.messages_in + excluded.messages_in,
            messages_out = day_figure.messages_out + excluded.messages_out;
        UPDATE chat_day AS c
        SET campaign_id = s.campaign_id, language = s.language, country = s.country
        FROM unnest(sides) AS s
        WHERE c.channel_user_id = s.channel_user_id AND c.account_id = s.account_id AND s.weight > 0;
        PERFORM count_people_again(users, before);
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

-- The ways in which a wait that is over was missed.
CREATE FUNCTION misses(late timestamptz, window_lost timestamptz, unanswered timestamptz, ended timestamptz)
RETURNS TABLE (figure text) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT m.figure
    FROM (
        VALUES ('late', late < ended), ('lost_window', window_lost <= ended), ('unanswered', unanswered < ended)
    ) AS m (figure, is_so)
    WHERE m.is_so
$$;

CREATE FUNCTION change_days_by_chats() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
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
    IF TG_OP <> 'UPDATE' THEN
        -- Where there is no entry nothing is known.
        sides := sides || ARRAY(
            SELECT ROW(s.channel_user_id, s.account_id, '', '', '', -s.weight)::chat_side
            FROM unnest(sides) AS s
        );
    END IF;
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
CREATE TRIGGER entry_is_known_in_days AFTER INSERT ON entry REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_chats();
CREATE TRIGGER entry_is_not_known_in_days AFTER DELETE ON entry REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_chats();
CREATE TRIGGER entry_is_otherwise_in_days AFTER UPDATE ON entry REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_chats();

-- Waits (`told`) that are over and were missed are in the days that are made, or out of them: 1 or -1.
CREATE FUNCTION change_days_by_waits() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    weight CONSTANT integer := TG_ARGV[0];
    changes CONSTANT figure_change[] := ARRAY(
        SELECT ROW(
            w.workspace_id, w.owed_since, c.account_id, c.platform, w.agent_id, coalesce(e.campaign_id, ''),
            coalesce(e.language, ''), coalesce(e.country, ''), m.figure, weight
        )::figure_change
        FROM told AS w
        JOIN day_mark AS k
            ON k.workspace_id = w.workspace_id AND w.owed_since >= k.since AND w.owed_since < k.until
        CROSS JOIN misses(w.late_time, w.window_lost_time, w.unanswered_time, w.end_time) AS m
        JOIN conversation AS c ON c.conversation_id = w.conversation_id
        LEFT JOIN entry AS e
            ON e.channel_user_id = c.channel_user_id AND e.account_id = c.account_id AND e.again_event_id IS NULL
    );
BEGIN
    IF cardinality(changes) > 0 THEN
        PERFORM change_figures(changes);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER missed_wait_is_in_days AFTER INSERT ON wait REFERENCING NEW TABLE AS told
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_waits('1');
CREATE TRIGGER missed_wait_is_out_of_days AFTER DELETE ON wait REFERENCING OLD TABLE AS told
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_waits('-1');
CREATE TRIGGER missed_wait_of_before_is_out_of_days AFTER UPDATE ON wait REFERENCING OLD TABLE AS told
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_waits('-1');
CREATE TRIGGER missed_wait_of_now_is_in_days AFTER UPDATE ON wait REFERENCING NEW TABLE AS told
    FOR EACH STATEMENT EXECUTE FUNCTION change_days_by_waits('1');
