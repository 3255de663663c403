"""Closes usage periods: rates their usage for good and puts it on an invoice.

The only orchestrator of usage, rating, invoices and payment. Knows no pages.
"""
