"""The server: parses and checks calls, answers once per idempotency key, injects the requested faults."""
