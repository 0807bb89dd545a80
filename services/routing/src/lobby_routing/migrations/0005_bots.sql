-- Expands: that a bot answered in the wait that is open, so that it is told once.
ALTER TABLE conversation ADD COLUMN bot_answered boolean NOT NULL DEFAULT false;
