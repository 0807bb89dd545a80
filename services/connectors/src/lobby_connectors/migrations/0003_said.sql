-- How many things a webhook said, counted as it was read: what became of them is counted apart from it, as they are stored.
-- NULL: written before this was counted.
ALTER TABLE raw_webhook ADD COLUMN n_said int;
