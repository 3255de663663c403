"""Stripe webhooks: events are received once, redacted, stored and applied. Knows no page; writes no mirror itself."""
