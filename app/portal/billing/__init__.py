"""Billing pages: plan, card, invoices, purchase and cancellation. `payments` does the work. Imports no page package."""
