"""Audit trail: append-only entries of who did what to what, when, from where, before and after. One hash chain per
organisation, one for the installation. Stores ids only and reads no other room's tables.
"""
