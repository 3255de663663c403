"""New objects with every field of Stripe's API description. Pure."""
