"""New objects with every field in Stripe's API description. Pure."""
