"""Reconciliation: resolves pending payments, compares our records with Stripe and repairs them. No other dependants."""
