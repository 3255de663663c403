"""Subscriptions: which org is on which plan version, usage periods and terms in force.

Knows no usage events or counters: `metering` reads the periods and terms stored here.
"""
