"""API keys: creation, format, a short-lived cache, and when each was last used. Independent of sessions."""
