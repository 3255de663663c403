"""Who did what to what, when, from where, before and after: append-only, one hash chain an org and one for the
installation. Knows ids only; reads no other room's table.
"""
