-- name: lock_chats
-- Nobody else applies what is told of these chats.
SELECT lock_chats($1::bigint[]);

-- name: load_chats
-- Languages of the chats that are known; nobody else applies what is told of them.
SELECT account_id, chat, language, candidate, agent_languages
FROM load_chats($1::bigint[], $2::uuid[], $3::text[]);

-- name: find_remembered
-- Translations that are remembered under the keys.
SELECT key, core, provider
FROM memory
WHERE key = ANY ($1::bytea[])
AND expire_time > now();

-- name: add_messages
-- Messages that are new, with their texts, translations and jobs; and the chats' languages. Returns which were new.
-- A message whose row alone was lost is new again, and finds the rest of it here.
WITH known_chat AS (
    INSERT INTO chat (account_id, chat, workspace_id, language, candidate)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[])
    ON CONFLICT (account_id, chat) DO UPDATE
    SET language = excluded.language, candidate = excluded.candidate
),
new_message AS (
    INSERT INTO message (message_id, workspace_id, account_id, chat, language, confidence, basis,
                         target, status, reason, provider, outcome_time)
    SELECT message_id, workspace_id, account_id, chat, language, confidence, basis,
           target, status, reason, provider, CASE WHEN status <> '' THEN now() END
    FROM unnest($6::uuid[], $7::uuid[], $8::uuid[], $9::text[], $10::text[], $11::real[], $12::text[],
                $13::text[], $14::text[], $15::text[], $16::text[])
         AS given (message_id, workspace_id, account_id, chat, language, confidence, basis,
                   target, status, reason, provider)
    ON CONFLICT (message_id) DO NOTHING
    RETURNING message_id
),
new_text AS (
    INSERT INTO message_text (message_id, account_id, chat, occurred_time, text)
    SELECT given.*
    FROM unnest($6::uuid[], $8::uuid[], $9::text[], $17::timestamptz[], $18::text[])
         AS given (message_id, account_id, chat, occurred_time, text)
    JOIN new_message USING (message_id)
    ON CONFLICT DO NOTHING
),
new_translation AS (
    INSERT INTO translation (message_id, target, text, provider)
    SELECT given.*
    FROM unnest($19::uuid[], $20::text[], $21::text[], $22::text[]) AS given (message_id, target, text, provider)
    JOIN new_message USING (message_id)
    ON CONFLICT DO NOTHING
),
new_job AS (
    INSERT INTO translation_job (message_id, target, revision, expire_time, cause_id, traceparent)
    SELECT given.message_id, given.target, 1, now() + $27::interval, given.cause_id, given.traceparent
    FROM unnest($23::uuid[], $24::text[], $25::text[], $26::text[]) AS given (message_id, target, cause_id, traceparent)
    JOIN new_message USING (message_id)
    ON CONFLICT DO NOTHING
)
SELECT message_id::text
FROM new_message;

-- name: find_unknown
-- Which of the messages are not known.
SELECT message_id::text
FROM unnest($1::uuid[]) AS asked (message_id)
WHERE NOT EXISTS (SELECT FROM message WHERE message.message_id = asked.message_id);

-- name: find_untranslated
-- Events that told the present version of a message with a translation, where that is not kept.
SELECT told.event_id
FROM unnest($1::text[], $2::uuid[], $3::integer[], $4::text[]) AS told (event_id, message_id, version, target)
JOIN message USING (message_id, version, target)
WHERE message.status = 'translated'
AND NOT message.deleted
AND NOT EXISTS (
    SELECT FROM translation WHERE translation.message_id = told.message_id AND translation.target = told.target
);

-- name: restore_translations
-- Translations as they were told, where their messages still have the version.
INSERT INTO translation (message_id, target, text, provider)
SELECT told.message_id, told.target, told.text, told.provider
FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[])
     AS told (message_id, version, target, text, provider)
JOIN message USING (message_id, version, target)
WHERE message.status = 'translated'
AND NOT message.deleted
ON CONFLICT DO NOTHING;

-- name: lock_messages
-- Messages that are known, with their languages, held until the end of the transaction.
SELECT message_id::text, workspace_id::text, account_id::text, chat, language, confidence, basis, revision, deleted
FROM message
WHERE message_id = ANY ($1::uuid[])
ORDER BY message_id
FOR UPDATE;

-- name: reword_messages
-- Messages with another text: language and revision are new, what was made of the old text is gone.
WITH given AS (
    SELECT *
    FROM unnest($1::uuid[], $2::text[], $3::real[], $4::text[], $5::text[])
         AS given (message_id, language, confidence, basis, text)
),
old_job AS (
    DELETE FROM translation_job WHERE message_id = ANY ($1::uuid[])
),
old_translation AS (
    DELETE FROM translation WHERE message_id = ANY ($1::uuid[])
),
old_memory AS (
    DELETE FROM memory WHERE message_id = ANY ($1::uuid[])
),
new_text AS (
    INSERT INTO message_text (message_id, account_id, chat, occurred_time, text)
    SELECT message_id, account_id, chat, now(), given.text
    FROM given
    JOIN message USING (message_id)
    ON CONFLICT (message_id) DO UPDATE SET text = excluded.text
)
UPDATE message
SET language = given.language, confidence = given.confidence, basis = given.basis, revision = message.revision + 1,
    target = '', status = '', reason = '', provider = '', outcome_time = NULL
FROM given
WHERE message.message_id = given.message_id;

-- name: turn_chats
-- Chats whose language turned.
INSERT INTO chat (account_id, chat, workspace_id, language, candidate)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[])
ON CONFLICT (account_id, chat) DO UPDATE
SET language = excluded.language, candidate = excluded.candidate;

-- name: tell_outcomes
-- What became of texts, on wish only where it is news; a new version for each message returned.
WITH given AS (
    SELECT *
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
         AS given (message_id, target, status, reason, provider, text)
),
kept AS (
    INSERT INTO translation (message_id, target, text, provider)
    SELECT message_id, target, text, provider FROM given WHERE status = 'translated'
    ON CONFLICT (message_id, target) DO UPDATE SET text = excluded.text, provider = excluded.provider
)
UPDATE message
SET version = message.version + 1, target = given.target, status = given.status, reason = given.reason,
    provider = given.provider, outcome_time = CASE WHEN given.status <> '' THEN now() END
FROM given, chat
WHERE message.message_id = given.message_id
AND NOT message.deleted
AND NOT ($7 AND (message.target, message.status, message.reason) = (given.target, given.status, given.reason))
AND chat.account_id = message.account_id
AND chat.chat = message.chat
RETURNING message.message_id::text, message.workspace_id::text, message.account_id::text, message.chat,
          message.language, message.confidence, message.basis, message.version, chat.language AS customer_language;

-- name: add_jobs
-- Texts that wait for an engine; one text waits once for a language.
INSERT INTO translation_job (message_id, target, revision, expire_time, cause_id, traceparent)
SELECT message.message_id, given.target, message.revision, now() + $5::interval, given.cause_id, given.traceparent
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS given (message_id, target, cause_id, traceparent)
JOIN message USING (message_id)
WHERE NOT message.deleted
ON CONFLICT (message_id, target) DO NOTHING;

-- name: forget_messages
-- Messages that were taken back: their texts and translations are gone, also where they were not known yet.
WITH known AS (
    INSERT INTO message (message_id, workspace_id, account_id, chat, language, confidence, basis, deleted)
    SELECT given.*, 'und', 0, 'vote', true
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) AS given (message_id, workspace_id, account_id, chat)
    ON CONFLICT (message_id) DO UPDATE SET deleted = true
),
old_text AS (
    DELETE FROM message_text WHERE message_id = ANY ($1::uuid[])
),
old_translation AS (
    DELETE FROM translation WHERE message_id = ANY ($1::uuid[])
),
old_job AS (
    DELETE FROM translation_job WHERE message_id = ANY ($1::uuid[])
)
DELETE FROM memory WHERE message_id = ANY ($1::uuid[]);

-- name: assign_chats
-- Who reads the chats from now on; returns those whose reader's languages changed, with the language of the customer.
WITH given AS (
    SELECT *
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[])
         AS given (account_id, chat, workspace_id, agent_id, languages, assign_time)
),
old AS (
    SELECT chat.account_id, chat.chat, chat.agent_languages
    FROM chat
    JOIN given USING (account_id, chat)
)
INSERT INTO chat (account_id, chat, workspace_id, agent_id, agent_languages, assign_time)
SELECT account_id, chat, workspace_id, agent_id, coalesce(string_to_array(nullif(languages, ''), ','), '{}'), assign_time
FROM given
ON CONFLICT (account_id, chat) DO UPDATE
SET agent_id = excluded.agent_id, agent_languages = excluded.agent_languages, assign_time = excluded.assign_time
WHERE chat.assign_time IS NULL OR chat.assign_time <= excluded.assign_time
RETURNING account_id::text, chat, agent_languages,
          (SELECT old.agent_languages FROM old
           WHERE old.account_id = chat.account_id AND old.chat = chat.chat) AS old_languages;

-- name: list_recent
-- The last texts of the chats, the newest first, at most so many each.
SELECT recent.message_id::text, recent.text, message.workspace_id::text, message.account_id::text, message.chat,
       message.language, message.confidence, message.basis, message.target, message.status
FROM unnest($1::uuid[], $2::text[]) AS given (account_id, chat)
CROSS JOIN LATERAL (
    SELECT message_text.message_id, message_text.text
    FROM message_text
    WHERE message_text.account_id = given.account_id
    AND message_text.chat = given.chat
    ORDER BY occurred_time DESC
    LIMIT $3
) AS recent
JOIN message USING (message_id)
WHERE NOT message.deleted;

-- name: drop_jobs_of_chats
-- Nothing of the chats waits for another language than this any more.
DELETE FROM translation_job
USING message, unnest($1::uuid[], $2::text[], $3::text[]) AS given (account_id, chat, target)
WHERE translation_job.message_id = message.message_id
AND message.account_id = given.account_id
AND message.chat = given.chat
AND translation_job.target <> given.target;

-- name: claim_jobs
-- Texts whose turn it is; whoever dies at them leaves them to the next after the time given.
WITH due AS (
    SELECT message_id, target
    FROM translation_job
    WHERE due_time <= now()
    ORDER BY due_time
    LIMIT $1
    FOR UPDATE SKIP LOCKED
),
taken AS (
    UPDATE translation_job
    SET due_time = now() + $2::interval, attempts = attempts + 1
    FROM due
    WHERE translation_job.message_id = due.message_id
    AND translation_job.target = due.target
    RETURNING translation_job.*
)
SELECT taken.message_id::text, taken.target, taken.revision, taken.attempts, taken.cause_id, taken.traceparent,
       taken.expire_time <= now() AS expired,
       message.workspace_id::text, message.language, message.confidence, message.basis, message_text.text
FROM taken
JOIN message USING (message_id)
LEFT JOIN message_text USING (message_id);

-- name: finish_jobs
-- Jobs that end, and those that are tried again later. Returns those that were still wished, in this wording.
WITH given AS (
    SELECT *
    FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::boolean[], $5::double precision[])
         AS given (message_id, target, revision, ends, pause)
),
ended AS (
    DELETE FROM translation_job
    USING given
    WHERE translation_job.message_id = given.message_id
    AND translation_job.target = given.target
    AND translation_job.revision = given.revision
    AND given.ends
    RETURNING translation_job.message_id, translation_job.target
),
later AS (
    UPDATE translation_job
    SET due_time = now() + make_interval(secs => given.pause)
    FROM given
    WHERE translation_job.message_id = given.message_id
    AND translation_job.target = given.target
    AND translation_job.revision = given.revision
    AND NOT given.ends
    RETURNING translation_job.message_id, translation_job.target
)
SELECT message_id::text, target FROM ended
UNION ALL
SELECT message_id::text, target FROM later;

-- name: remember
-- Translations under their keys, and for whom they were made; a newer one replaces an older one.
WITH given AS (
    SELECT *
    FROM unnest($1::bytea[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::double precision[], $7::text[])
         AS given (key, workspace_id, core, provider, message_id, keep, maker)
),
made AS (
    INSERT INTO memory_maker (maker, key)
    SELECT maker, key FROM given WHERE maker <> ''
    ON CONFLICT DO NOTHING
)
INSERT INTO memory (key, workspace_id, core, provider, message_id, expire_time)
SELECT key, workspace_id, core, provider, message_id, now() + make_interval(secs => keep)
FROM given
ON CONFLICT (key) DO UPDATE
SET core = excluded.core, provider = excluded.provider, message_id = excluded.message_id,
    make_time = now(), expire_time = excluded.expire_time;

-- name: find_chat
-- The languages of one chat of a workspace.
SELECT language, agent_languages
FROM chat
WHERE account_id = $1
AND chat = $2
AND workspace_id = $3;

-- name: find_stored
-- What is known of messages of a workspace, with their translations into a language.
SELECT message.message_id::text, message.language, message.confidence, message.basis, message.deleted,
       translation.text, translation.provider
FROM message
LEFT JOIN translation ON translation.message_id = message.message_id AND translation.target = $3
WHERE message.message_id = ANY ($1::uuid[])
AND message.workspace_id = $2;

-- name: find_told
-- What was done with a message, for its journey.
SELECT language, basis, target, status, reason, provider, create_time, outcome_time, deleted
FROM message
WHERE message_id = $1;

-- name: drop_expired
-- Memories past their time, and texts that nobody will wish translated any more.
WITH old_memory AS (
    DELETE FROM memory WHERE expire_time <= now()
),
old_maker AS (
    DELETE FROM memory_maker WHERE make_time < now() - interval '91 days'
)
DELETE FROM message_text
WHERE occurred_time < now() - $1::interval
AND NOT EXISTS (SELECT FROM translation_job WHERE translation_job.message_id = message_text.message_id);
