"""Usage metering: events, counters, roll-ups, limits and checks.

Knows orgs, meters, terms in force and pure prices. Must not know invoices, payments or pages.
"""
