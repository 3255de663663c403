"""Checkout: one open attempt per org and purpose, its Stripe session, and fulfilment. Must not know any page."""
