"""Closes usage periods: rates what was used for good, and what late usage and voids change of closed ones.

Must not know Stripe: what is written here is billed by the package's neighbours.
"""
