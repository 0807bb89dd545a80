"""The channel accounts: raw webhooks in, messages out, deliveries."""
