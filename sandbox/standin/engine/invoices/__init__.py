"""Invoices: their lines and totals, and their life from draft to paid or void. Knows no renewals and no checkouts."""
