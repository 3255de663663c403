"""Who may come in: orgs, users, members, sign-in, sessions, API keys, clients, and the guards of every door.

Must not know meters, plans, subscriptions or money.
"""
