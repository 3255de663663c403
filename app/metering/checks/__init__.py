"""Limit checks: whether usage would be allowed, what it would cost, and which plan would allow it. Read-only."""
