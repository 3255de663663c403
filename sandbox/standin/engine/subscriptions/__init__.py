"""Subscriptions: start, settings, changes, renewals, and previews of what comes next. Knows no checkouts."""
