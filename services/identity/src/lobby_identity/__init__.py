"""The people: contacts, identifiers, links with evidence, merges and splits."""
