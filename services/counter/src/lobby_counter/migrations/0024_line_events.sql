-- Expands: lines of closed days say which event made their entry; NULL: only their text does.
ALTER TABLE sheet_line ADD COLUMN event_id uuid;
