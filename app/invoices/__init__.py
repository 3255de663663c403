"""Invoices: lines, rated once for good with all that they follow from, and the invoices that they stand on.

Must not know Stripe's calls, payments, or when a period is closed: `billing_runs` writes and issues them.
"""
