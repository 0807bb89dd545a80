"""gRPC between services: one server, one way to call, one codec of errors."""
