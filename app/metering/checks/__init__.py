"""Limit checks: whether usage would be allowed and what it would cost. Read-only."""
