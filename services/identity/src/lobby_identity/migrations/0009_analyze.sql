-- Expands: an import lets the planner know of people only where they became many more, which a look at a file's size says.

-- Runs with the rights of its owner: the service's role may not analyze.
CREATE FUNCTION analyze_people() RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    grown regclass;
BEGIN
    FOR grown IN
        SELECT c.oid
        FROM pg_class AS c
        WHERE c.oid = ANY (ARRAY['identifier', 'channel_user', 'contact']::regclass[])
            -- relpages: as it was when somebody looked last
            AND pg_relation_size(c.oid) > 4 * c.relpages::bigint * current_setting('block_size')::bigint
    LOOP
        EXECUTE format('ANALYZE %s', grown);
    END LOOP;
END $$;

-- What statements over a whole file are planned by; its arrays, of which the planner asks nothing, took most of the time.
CREATE OR REPLACE FUNCTION analyze_imports() RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    ANALYZE import_staged (import_id, row_number, group_row);
    ANALYZE import_shared;
    PERFORM analyze_people();
END $$;
