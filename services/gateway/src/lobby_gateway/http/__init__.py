"""The public port: one ASGI application and the server that runs it."""
