"""Accounts and access: organisations, users, memberships, sessions, API keys, clients, and the checks that guard
every endpoint.

Must not know meters, plans, subscriptions or money.
"""
