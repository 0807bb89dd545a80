"""SQL and rows to the domain and back. Statements are in queries.sql; nothing is decided here."""
