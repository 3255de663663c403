"""Checks of payments: the settings, whether Stripe answers and has our prices, and the webhook inbox."""

from __future__ import annotations

import psycopg

from app.kit.errors import DomainError
from app.ops.findings import Finding
from app.settings import STRIPE, Settings
from app.stripe_gateway import Gateway
from app.stripe_gateway.catalog import find_prices
from app.stripe_gateway.errors import StripeAway, StripeDenied

# Prices that we sell, with what `flask catalog push` has noted of them.
_ON_OFFER = "SELECT price_id, lookup_key FROM payments_prices_on_offer ORDER BY lookup_key"
# Subscriptions at Stripe that are billed otherwise than a plan of ours.
_UNKNOWN = "SELECT stripe_subscription_id, price_id FROM payments_prices_unknown ORDER BY 1"
_DRIFTING = """
SELECT count(*) OVER (), stripe_subscription_id, expected, previewed FROM payments_drifting_changes
WHERE asked_at > now() - interval '30 days' ORDER BY asked_at DESC LIMIT 1
"""
_PUSH = "Run: flask catalog push"
_SECONDS = """
SELECT count(*) OVER (), org_id FROM payments_second_subscriptions ORDER BY id LIMIT 1
"""
_UNSETTLED = """
SELECT count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state = 'refused'),
       count(*) FILTER (WHERE state = 'parked')
FROM payments_inbox WHERE state IN ('failed', 'refused', 'parked')
"""


def check_keys(settings: Settings) -> Finding:
    """Which Stripe the settings name. An installation without a key sells nothing, which is not a fault."""
    if not settings.stripe_on:
        return Finding("payments", "ok", "off: no STRIPE_SECRET_KEY, so nothing is sold through Stripe")
    mode = "live" if settings.stripe_livemode else "test"
    where = "" if settings.stripe_api_base == STRIPE else f" at {settings.stripe_api_base}"
    detail = f"{mode} key{where}, {len(settings.stripe_webhook_secrets)} webhook secret(s)"
    if not settings.sandbox and not settings.stripe_livemode:
        return Finding("payments", "warning", f"{detail}: no real money moves", "Set a live STRIPE_SECRET_KEY.")
    return Finding("payments", "ok", detail)


def check_connection(settings: Settings) -> Finding | None:
    """Whether Stripe accepts our key; None if payments are off."""
    gateway = Gateway.from_settings(settings)
    if gateway is None:
        return None
    try:
        find_prices(gateway, ["tollkeeper_doctor"])
    except StripeAway as error:
        fix = "Check that this machine can reach it. Until then nothing can be sold; metering continues."
        return Finding("stripe", "failed", str(error), fix)
    except StripeDenied:
        return Finding("stripe", "failed", "it rejects our key", "Correct STRIPE_SECRET_KEY, or the key's permissions.")
    except DomainError as error:
        return Finding("stripe", "failed", str(error), "See the log: Stripe answers, but unlike the version we use.")
    return Finding("stripe", "ok", "answers and accepts our key")


def check_prices(connection: psycopg.Connection, settings: Settings) -> Finding:
    """Whether Stripe has a price on sale for everything that we sell."""
    gateway = Gateway.from_settings(settings)
    if gateway is None:
        return Finding("stripe prices", "ok", "not needed: payments are off")
    rows = connection.execute(_ON_OFFER).fetchall()
    pushed = {price_id: key for price_id, key in rows if price_id}
    if missing := len(rows) - len(pushed):
        return Finding("stripe prices", "warning", f"{missing} not pushed", _PUSH)
    try:
        on_sale = {price.id for price in find_prices(gateway, list(pushed.values())) if price.active}
    except DomainError:
        return Finding("stripe prices", "ok", "all pushed; whether they are still on sale, Stripe does not say now")
    lost = sorted(key for price_id, key in pushed.items() if price_id not in on_sale)
    if lost:
        more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
        return Finding("stripe prices", "warning", f"archived or gone at Stripe: {', '.join(lost[:3])}{more}", _PUSH)
    return Finding("stripe prices", "ok", "all pushed and on sale")


def check_subscriptions(connection: psycopg.Connection, _: Settings) -> Finding:
    """Whether every running subscription at Stripe pays for one of our plans."""
    rows = connection.execute(_UNKNOWN).fetchall()
    if not rows:
        return Finding("stripe subscriptions", "ok", "all on prices of the catalogue")
    named = ", ".join(f"{stripe_id} ({price_id})" for stripe_id, price_id in rows[:3])
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    fix = "At Stripe, leave one item with a price of the catalogue and the quantity 1. Until then its plan stays."
    return Finding("stripe subscriptions", "warning", f"not billed as a plan of the catalogue: {named}{more}", fix)


def check_seconds(connection: psycopg.Connection, _: Settings) -> Finding:
    """Whether an organisation is charged for two subscriptions."""
    row = connection.execute(_SECONDS).fetchone()
    if row is None:
        return Finding("second subscriptions", "ok", "no organisation is charged for two")
    detail = f"{row[0]} run beside the one in force, of organisation {row[1]}" + (" and others" if row[0] > 1 else "")
    fix = "End them on the organisation's page at /admin/orgs, and refund what they cost at Stripe."
    return Finding("second subscriptions", "warning", detail, fix)


def check_changes(connection: psycopg.Connection, _: Settings) -> Finding:
    """Whether Stripe charged what our own formula says for the changes of plan of the last thirty days."""
    row = connection.execute(_DRIFTING).fetchone()
    if row is None:
        return Finding("plan changes", "ok", "cost at Stripe what they cost by our formula")
    count, stripe_id, expected, previewed = row
    last = f"the last, of {stripe_id}: {previewed}, not {expected}"
    fix = "Compare its invoices at Stripe. Customers paid what the page had shown."
    return Finding("plan changes", "warning", f"{count} cost another amount at Stripe than by our formula; {last}", fix)


def check_inbox(connection: psycopg.Connection, _: Settings) -> Finding:
    """Whether events need attention."""
    row = connection.execute(_UNSETTLED).fetchone() or (0, 0, 0)
    detail = f"{row[0]} failed, {row[1]} refused, {row[2]} parked"
    if any(row):
        return Finding("stripe inbox", "warning", detail, "See the reasons and apply them again at /admin/inbox.")
    return Finding("stripe inbox", "ok", detail)
