"""Subscriptions: which org is on which plan version, usage periods, limits in force and entitlements.

Knows no usage events or counters: `metering` reads the periods and limits stored here.
"""
