"""Opens Stripe's page for changing the card."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.audit.service import write as audit
from app.kit.actor import Actor
from app.kit.ids import new_hex
from app.payments.catch_up import catch_up
from app.payments.gateway import get_gateway
from app.payments.locks import org_lock
from app.payments.mirrors.customers import ensure_customer, resync_customer
from app.stripe_gateway import Gateway, portal
from app.stripe_gateway.errors import StripeMissing
from app.web.addresses import absolute_url
from app.web.database import transaction
from app.web.runtime import runtime


def open_card_page(org_id: UUID, *, actor: Actor, now: datetime) -> str:
    """Open Stripe's page for changing the card. Its URL is a short-lived credential: redirect to it, never store it.

    Opens its own transactions. Raises `Unavailable` (Stripe away, payments off).
    """
    gw = get_gateway()
    with gw.budget(), org_lock(org_id):
        catch_up(gw, org_id, runtime().started_at, now)
        try:
            url = _open_portal(gw, org_id, now)
        except StripeMissing:
            resync_customer(gw, org_id, now)
            url = _open_portal(gw, org_id, now)
        with transaction() as session:
            audit(session, actor, "card.page_opened", on=("org", org_id), org_id=org_id, now=now)
    return url


def _open_portal(gw: Gateway, org_id: UUID, now: datetime) -> str:
    customer_id = ensure_customer(gw, org_id, now)
    # Every click needs its own page: a replayed one would have expired.
    return portal.open_portal(gw, customer_id, absolute_url("billing.index"), key=f"portal-{new_hex()}")
