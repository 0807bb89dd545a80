-- Expands: that the reply window closed on the wait that is open, so that it is told once.
ALTER TABLE conversation ADD COLUMN window_lost boolean NOT NULL DEFAULT false;
