"""The command line of Lobby, over the gateway's public API."""
