"""Our copy of Stripe's objects: one sync an object, of what was just retrieved. Decides nothing of its own."""
