"""Catalogue: meters, plans and their versions, prices, charges, allowances, limits and features; loaded from TOML.

Must not know orgs or usage: `subscriptions` knows which org is on which plan.
"""
