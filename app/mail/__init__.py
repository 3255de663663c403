"""Mail: an outbox row in the caller's transaction, one SMTP function behind it.

Knows addresses only: no users, no orgs, no pages.
"""
