"""Documentation pages: quick start, API reference, worked examples, error codes. Knows nothing about organisations."""
