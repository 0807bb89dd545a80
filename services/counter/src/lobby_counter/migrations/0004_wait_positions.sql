-- Expands: which events of its conversation's lane a wait is made of: so that a wait which is lost leaves a hole that can be seen.
ALTER TABLE wait
    -- position of the event that told of it first; 0: it stands for all before its end
    ADD COLUMN first_position bigint NOT NULL DEFAULT 0,
    -- position of the event that ended it, NULL while it is open
    ADD COLUMN end_position bigint;
-- Waits of before stand for all that was told of their conversations until now.
UPDATE wait AS w
SET end_position = c.position
FROM conversation AS c
WHERE c.conversation_id = w.conversation_id AND w.end_time IS NOT NULL;
CREATE INDEX wait_conversation ON wait (conversation_id);
