"""Pushes the catalogue's paid plans to Stripe as products and prices. Knows no org."""
