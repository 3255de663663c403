"""Objects with every field that Stripe's description names. Pure."""
