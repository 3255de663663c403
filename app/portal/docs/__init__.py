"""First event, API reference, error codes, style guide. Knows no org."""
