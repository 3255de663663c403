"""The server: a call is parsed, checked, answered once per idempotency key, and its faults are played."""
