"""Products, prices, coupons and promotion codes."""
