"""API keys: made, shown once, found again within a second's memory, last used. Knows no session."""
