"""Documentation pages: quick start, API reference, error codes, style guide. Knows nothing about organisations."""
