"""Usage: events, counters, roll-ups, limits, checks.

Knows orgs, meters, limits in force and the pure prices; must not know invoices, payments or pages.
"""
