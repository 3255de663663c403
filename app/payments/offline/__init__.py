"""Payments of our own invoices, which staff record. Never calls Stripe."""
