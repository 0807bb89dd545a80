-- Expands: agents who wrap up a conversation that they do not look at any more.
ALTER TABLE focus ADD COLUMN wrap_up boolean NOT NULL DEFAULT false;
