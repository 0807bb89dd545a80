-- Expands: what customers' pictures look like, in 64 bits, where platforms show them.
ALTER TABLE profile ADD COLUMN avatar_hash text NOT NULL DEFAULT '';
