"""What Stripe has against what we think: asks about what is open, compares, repairs. Nothing else depends on it."""
