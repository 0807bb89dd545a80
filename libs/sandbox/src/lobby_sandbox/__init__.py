"""The platforms' stand-ins: signed webhooks out, their send APIs in."""
