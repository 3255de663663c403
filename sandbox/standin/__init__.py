"""A stand-in for Stripe on one machine: the part of the API that we call, at our version, with pages and webhooks.

It keeps its objects in one SQLite file, moves no money and imports nothing of `app`.
"""

API_VERSION = "2026-10-28.endive"
