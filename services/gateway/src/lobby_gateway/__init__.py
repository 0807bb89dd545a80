"""The one public door: HTTP to gRPC, keys and roles, webhooks in, live screens out."""
