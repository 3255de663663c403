"""Email: an outbox row in the caller's transaction, delivered by one SMTP function.

Knows addresses only: no users, orgs or pages.
"""
