"""The one-machine stack: Postgres, NATS, the services and the sandbox, started and supervised."""
