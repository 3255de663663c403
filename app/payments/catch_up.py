"""Asks Stripe what an org has there before a page of Stripe's opens, where our rows may come from a restored dump.

A dump does not know of what was bought after it was taken, and a process cannot tell that its database was restored. A
restore implies a start, so each org is caught up with once after each start of a process, before it can pay again.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.audit.service import write as audit
from app.kit.actor import SYSTEM
from app.kit.errors import Conflict
from app.kit.ids import new_hex
from app.payments import queries
from app.payments.checkout_models import Checkout
from app.payments.mirrors import retrieve
from app.payments.mirrors.customers import find_named_customer, resync_customer
from app.payments.mirrors.retrieve import InvoicePayment, Retrieved
from app.payments.mirrors.sync_customer import sync_customer
from app.payments.models import StripeCustomer, StripeInvoice, StripeSubscription
from app.stripe_gateway import Gateway, checkout, subscriptions
from app.stripe_gateway.types import RemoteSubscription
from app.web.database import mark_sent, transaction

_UNKNOWN_PLAN = (
    "Stripe already runs a subscription of your organisation that matches none of our plans. Nothing was charged."
    " Please contact us."
)
log = structlog.get_logger()


def catch_up(gw: Gateway, org_id: UUID, started_at: datetime, now: datetime) -> None:
    """Mirror the org's customer and running subscriptions, and expire payment pages that we do not know of.

    Does nothing if the org is younger than the process (`started_at`), or was caught up with since. The caller holds
    the org's lock. Raises `StripeAway`, and `Conflict` for a subscription to a price that is none of ours.
    """
    with transaction() as session:
        if not _may_be_behind(session, org_id, started_at):
            return
    customer_id = resync_customer(gw, org_id, now) or _adopt_customer(gw, org_id, now)
    if customer_id is not None:
        _expire_lost_pages(gw, org_id, customer_id)  # first, since one may have been paid until then
        _sync_subscriptions(gw, org_id, customer_id, now)
    mark_sent(sent=False)  # what follows is another act: roles and states are read again


def _may_be_behind(session: Session, org_id: UUID, started_at: datetime) -> bool:
    mirror = queries.find_customer(session, org_id)
    if mirror is None:
        return accounts.get_org(session, org_id).created_at < started_at
    return mirror.listed_at is None or mirror.listed_at < started_at


def _adopt_customer(gw: Gateway, org_id: UUID, now: datetime) -> str | None:
    """Mirror the customer that names the org in its metadata, if Stripe has one; returns its id."""
    with transaction() as session:
        opened = accounts.get_org(session, org_id).created_at
    found = find_named_customer(gw, org_id, opened)
    if found is None:
        return None
    with transaction() as session:
        return sync_customer(session, org_id, found, now).id


def _expire_lost_pages(gw: Gateway, org_id: UUID, customer_id: str) -> None:
    """Expire payment pages of ours whose row was lost, so that nobody pays on one that we do not know of."""
    pages = {page.checkout_id: page for page in checkout.list_sessions(gw, customer_id, "open") if page.checkout_id}
    with transaction() as session:
        ours = select(Checkout.id).where(Checkout.org_id == org_id, Checkout.id.in_(pages))
        known = set(session.scalars(ours))
    for checkout_id, page in pages.items():
        if checkout_id not in known:
            checkout.expire_session(gw, page.id, key=f"expire-{new_hex()}")


def _sync_subscriptions(gw: Gateway, org_id: UUID, customer_id: str, now: datetime) -> None:
    with transaction() as session:
        mine = select(StripeSubscription.id, StripeSubscription.ended_at).where(StripeSubscription.org_id == org_id)
        mirrors = {row.id: row.ended_at for row in session.execute(mine)}
    listed = reversed(subscriptions.list_for_customer(gw, customer_id))  # the older of two is the one in force
    current = tuple(each for each in listed if each.ended_at is None or mirrors.get(each.id, each.ended_at) is None)
    unsettled = _retrieve_unsettled(gw, current)
    found = [each.id for each in current if each.id not in mirrors]
    retrieved = Retrieved(None, current, unsettled)
    with transaction() as session:
        retrieve.sync_retrieved(session, org_id, retrieved, now)
        session.get_one(StripeCustomer, customer_id).listed_at = now
        if found:
            _report(session, org_id, found, now)
        unapplied = retrieve.describe_unapplied(session, retrieved)
    if found and unapplied:
        log.warning("subscription at stripe without a plan here", org_id=str(org_id), reason=unapplied)
        raise Conflict(_UNKNOWN_PLAN)


def _retrieve_unsettled(gw: Gateway, current: tuple[RemoteSubscription, ...]) -> tuple[InvoicePayment, ...]:
    """The latest invoices of the running subscriptions, except those that are mirrored as paid."""
    latest = [each.latest_invoice_id for each in current if each.latest_invoice_id and each.ended_at is None]
    with transaction() as session:
        paid = select(StripeInvoice.id).where(StripeInvoice.id.in_(latest), StripeInvoice.status == "paid")
        settled = set(session.scalars(paid))
    return tuple(retrieve.invoice_only(gw, invoice_id) for invoice_id in latest if invoice_id not in settled)


def _report(session: Session, org_id: UUID, found: list[str], now: datetime) -> None:
    """Tell staff, in the log and on the org's page, that Stripe charged for something we did not know of."""
    log.warning("subscription found at stripe", org_id=str(org_id), subscriptions=found)
    audit(session, SYSTEM, "subscription.found_at_stripe", on=("org", org_id), org_id=org_id,
          after={"subscriptions": found}, now=now)  # fmt: skip
