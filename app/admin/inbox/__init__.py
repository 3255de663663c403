"""Staff read the inbox of Stripe's events and replay what failed."""
