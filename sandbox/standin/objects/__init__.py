"""The resources under `/v1`: a handler per call, and shared helpers."""
