"""A local stand-in for Stripe: the part of the API that we call, in our version, with pages and webhooks.

Stores its objects in one SQLite file, moves no money and imports nothing from `app`.
"""

API_VERSION = "2026-10-28.endive"
