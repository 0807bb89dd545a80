"""Live screens: hints over WebSocket and SSE. REST is the truth; a hint names what changed and holds no text."""
