-- Expands: a database that has just been started can read into memory what every message asks for.

-- Comes with PostgreSQL. Who may not have it here goes on without: the first messages then read from disk.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_prewarm;
EXCEPTION
    WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
        RAISE NOTICE 'pg_prewarm cannot be had: %', SQLERRM;
END $$;

-- The tables that lead from an address to a person, and their keys, are in the system's memory: the keys first, as many
-- as half of that memory takes. Returns how many blocks were read.
-- Runs with the rights of its owner: the extension may be in a schema that the service's role does not see.
CREATE FUNCTION warm_people() RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    home text;
    each regclass;
    -- effective_cache_size is counted in blocks
    room bigint := (SELECT setting::bigint / 2 FROM pg_settings WHERE name = 'effective_cache_size');
    done bigint := 0;
    size bigint;
BEGIN
    SELECT quote_ident(n.nspname) INTO home
    FROM pg_extension AS e
    JOIN pg_namespace AS n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_prewarm';
    IF home IS NULL THEN
        RETURN 0;
    END IF;
    FOREACH each IN ARRAY ARRAY[
        'identifier_pkey', 'channel_user_pkey', 'contact_pkey', 'identifier', 'channel_user', 'contact'
    ]::regclass[]
    LOOP
        size := pg_relation_size(each) / current_setting('block_size')::bigint;
        EXIT WHEN done + size > room;
        EXECUTE format('SELECT %s.pg_prewarm(%L::regclass, ''read'')', home, each) INTO size;
        done := done + size;
    END LOOP;
    RETURN done;
END $$;
