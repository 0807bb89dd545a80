-- Messages and assignments of a chat come in different lanes, which different replicas may hold.

-- Until the end of the transaction nobody else applies what is told of the chats; they need not be known yet.
CREATE FUNCTION lock_chats(locks bigint[]) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(lock) FROM unnest(locks) AS lock ORDER BY lock
$$;

-- The chats that are known, locked. A function of several statements: what is read is what the lock's last holder left.
CREATE FUNCTION load_chats(locks bigint[], accounts uuid[], chats text[])
RETURNS TABLE (account_id text, chat text, language text, candidate text, agent_languages text[])
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_chats(locks);
    RETURN QUERY
    SELECT c.account_id::text, c.chat, c.language, c.candidate, c.agent_languages
    FROM chat AS c
    WHERE (c.account_id, c.chat) IN (SELECT * FROM unnest(accounts, chats));
END $$;
