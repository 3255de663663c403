"""Catalogue: meters, plans and their versions, prices, charges, allowances, limits, features; read from TOML.

Knows no org and no usage: who is on which plan is for `subscriptions`.
"""
