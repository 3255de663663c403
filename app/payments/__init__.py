"""Payments through Stripe: checkouts, webhooks and their inbox, mirrors, billing records, dunning.

Reads Stripe's current state and applies it. Must not know how usage is rated or how a page looks.
"""
