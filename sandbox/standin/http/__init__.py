"""The server: parses and checks a call, answers it once per idempotency key, plays the faults asked for."""
