"""Are payments sound? What the settings say, whether Stripe answers and has our prices, what the inbox holds."""

from __future__ import annotations

import psycopg

from app.kit.errors import DomainError
from app.ops.findings import Finding
from app.settings import STRIPE, Settings
from app.stripe_gateway import Gateway
from app.stripe_gateway.catalog import find_prices
from app.stripe_gateway.errors import StripeAway, StripeDenied

# Prices of the newest version of every live plan that costs something, which `flask catalog push` has not brought.
_UNPUSHED = """
SELECT count(*) FROM plans plan
JOIN LATERAL (SELECT id FROM plan_versions WHERE plan_id = plan.id AND published_at IS NOT NULL
              ORDER BY number DESC LIMIT 1) newest ON true
JOIN plan_prices price ON price.plan_version_id = newest.id AND price.amount > 0
LEFT JOIN stripe_prices pushed ON pushed.plan_version_id = newest.id AND pushed.interval = price.interval
                              AND pushed.currency = price.currency
WHERE plan.archived_at IS NULL AND NOT plan.is_default AND pushed.id IS NULL
"""
_UNDONE = """
SELECT count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state = 'refused'),
       count(*) FILTER (WHERE state = 'parked')
FROM stripe_inbox WHERE state IN ('failed', 'refused', 'parked')
"""


def keys(settings: Settings) -> Finding:
    """Which Stripe the settings name; an installation without a key sells nothing, which is no fault."""
    if not settings.stripe_on:
        return Finding("payments", "ok", "off: no STRIPE_SECRET_KEY; nothing is sold through Stripe")
    mode = "live" if settings.stripe_livemode else "test"
    where = "" if settings.stripe_api_base == STRIPE else f" at {settings.stripe_api_base}"
    words = f"{mode} key{where}, {len(settings.stripe_webhook_secrets)} webhook secret(s)"
    if not settings.sandbox and not settings.stripe_livemode:
        return Finding("payments", "warning", f"{words}: no money moves", "Set a live STRIPE_SECRET_KEY.")
    return Finding("payments", "ok", words)


def answers(settings: Settings) -> Finding | None:
    """Whether Stripe takes our key; None when payments are off."""
    gateway = Gateway.from_settings(settings)
    if gateway is None:
        return None
    try:
        find_prices(gateway, ["tollkeeper_doctor"])
    except StripeAway as away:
        fix = "See whether this machine reaches it; sales stop until then, metering goes on."
        return Finding("stripe", "failed", str(away), fix)
    except StripeDenied:
        return Finding("stripe", "failed", "it refuses our key", "Mend STRIPE_SECRET_KEY, or what the key may do.")
    except DomainError as odd:
        return Finding("stripe", "failed", str(odd), "See the log: Stripe answers, but not as our version does.")
    return Finding("stripe", "ok", "answers and takes our key")


def prices(connection: psycopg.Connection, settings: Settings) -> Finding:
    """Whether Stripe has a price for all that is sold."""
    row = connection.execute(_UNPUSHED).fetchone()
    missing = int(row[0]) if row else 0
    if not settings.stripe_on:
        return Finding("stripe prices", "ok", "not needed: payments are off")
    if missing:
        return Finding("stripe prices", "warning", f"{missing} not pushed", "Run: flask catalog push")
    return Finding("stripe prices", "ok", "all pushed")


def inbox(connection: psycopg.Connection, _: Settings) -> Finding:
    """Whether events wait for a person."""
    row = connection.execute(_UNDONE).fetchone() or (0, 0, 0)
    words = f"{row[0]} failed, {row[1]} refused, {row[2]} parked"
    if any(row):
        return Finding("stripe inbox", "warning", words, "See /admin/inbox for why, and apply them again there.")
    return Finding("stripe inbox", "ok", words)
