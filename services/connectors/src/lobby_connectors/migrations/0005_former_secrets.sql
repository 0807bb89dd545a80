-- Expands: secrets under which platforms signed before they were replaced, sealed like the credentials. A JSON array of
-- {credentials, until}; they hold for a day longer (docs/adr/0011).
ALTER TABLE account ADD COLUMN former_secrets bytea;
