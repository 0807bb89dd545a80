"""What every service shares: start-up, gRPC, NATS, Postgres, logging and tracing."""
