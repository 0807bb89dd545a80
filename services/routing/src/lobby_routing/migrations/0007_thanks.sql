-- Expands: until when thanks for the answer to what was closed open nothing.
ALTER TABLE conversation ADD COLUMN thanks_until timestamptz;
