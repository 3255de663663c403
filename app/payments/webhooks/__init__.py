"""Stripe's events: received once, redacted, kept, applied. Knows no page; writes no mirror itself."""
