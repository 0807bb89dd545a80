-- Some platforms tell time in whole seconds: what was written in the same second as an echo is told apart by when it came in.
ALTER TABLE conversation_message
    -- inbound: when Lobby took it in; outbound: when connectors told that it was accepted
    ADD COLUMN received_time timestamptz;
ALTER TABLE conversation
    ADD COLUMN echo_received_time timestamptz;
