"""The resources under `/v1`: a handler for each call, and what they share."""
