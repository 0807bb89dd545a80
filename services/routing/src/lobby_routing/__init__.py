"""The conversations and the agents: who answers whom, and why."""
