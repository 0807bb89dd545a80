-- Expands: what was agreed of an entry that is none any more holds for the entry that took its place.

-- With verdict none, repeat_of is the entry that took its place at the counter; NULL: none did, or nobody kept which.
ALTER TABLE verdict
    DROP CONSTRAINT verdict_names_what_it_repeats,
    ADD CONSTRAINT verdict_names_what_it_repeats CHECK (
        CASE verdict WHEN 'none' THEN true WHEN 'new' THEN repeat_of IS NULL ELSE repeat_of IS NOT NULL END
    ) NOT VALID;

-- What two parties agreed on at a sheet, which is of a counter: the newest of what holds for each entry.
CREATE FUNCTION agreed_of(sheet uuid, counter uuid)
RETURNS TABLE (entry_id uuid, dispute_id uuid, wanted_verdict text)
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE agreed AS (
        SELECT d.entry_id, d.dispute_id, d.wanted_verdict, d.resolve_time
        FROM sheet_dispute AS d
        WHERE d.sheet_id = sheet AND d.state = 'accepted'
        UNION
        SELECT v.repeat_of, a.dispute_id, a.wanted_verdict, a.resolve_time
        FROM agreed AS a
        JOIN verdict AS v ON v.counter_id = counter AND v.entry_id = a.entry_id
        WHERE v.verdict = 'none' AND v.repeat_of IS NOT NULL
    )
    SELECT DISTINCT ON (a.entry_id) a.entry_id, a.dispute_id, a.wanted_verdict
    FROM agreed AS a
    ORDER BY a.entry_id, a.resolve_time DESC, a.dispute_id
$$;
