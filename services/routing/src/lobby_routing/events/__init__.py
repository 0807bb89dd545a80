"""What routing hears and tells: events to the domain, facts to events."""
