"""Subscriptions: who is on which plan version, usage periods, limits in force, entitlements resolved.

Knows no event and no counter: `metering` reads the periods and limits kept here.
"""
