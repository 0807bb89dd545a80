"""One module per use-case: load, decide, save, tell."""
