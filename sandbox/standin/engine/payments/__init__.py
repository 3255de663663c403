"""Cards that are charged, saved and disputed. Knows neither invoices nor checkouts."""
