"""What the catalogue sells, as products and prices at Stripe. Knows no org."""
