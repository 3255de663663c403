"""Coming back from Stripe's page: what came of the checkout, as far as Stripe has said."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from app.accounts import guards
from app.catalog import queries
from app.kit.errors import DomainError, NotFound
from app.kit.ids import parse_id
from app.payments import queries as payments
from app.payments.checkout import fulfil
from app.payments.models import Checkout
from app.portal.billing import history as histories
from app.portal.billing.blueprint import billing
from app.portal.billing.checkout_result import Paid, return_view
from app.portal.billing.status import billing_status
from app.portal.shell.links import purchase_url
from app.portal.shell.people import org_of
from app.statements.wording import amount
from app.web.addresses import path_to
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now


@billing.get("/return")
def come_back() -> Response:
    """What came of it, asked of Stripe: the address of this page proves nothing."""
    who, now = guards.caller(), business_now()
    org, sent, looks = org_of(who), request.args.get("session_id", ""), _looks()
    visit = _visit(org, sent)
    state = _state(visit, org, sent)
    plan = queries.plan_of_version(session(), visit.plan_version_id) if visit.plan_version_id else None
    view = return_view(
        state,
        billing_status(session(), org, now),
        plan=plan.name if plan else None,
        retry=purchase_url(plan.key, visit.interval or "", visit.currency or "") if plan else path_to("billing.index"),
        again=path_to("billing.come_back", checkout=visit.id, session_id=sent, looks=looks + 1),
        looks=looks,
        paid=_paid(org, visit) if state == "paid" else None,
    )
    return render("portal/billing_return.html", fragments=("result",), view=view)


def _visit(org: UUID, sent: str) -> Checkout:
    """The org's checkout that the address names, whose session was `sent`, or whose session was never written down."""
    checkout_id = parse_id(request.args.get("checkout", ""))
    visit = payments.get_checkout(session(), org, checkout_id) if checkout_id else None
    if visit is None or not sent or "\x00" in sent or visit.session_id not in {sent, None}:
        raise NotFound("There is no such checkout.")
    return visit


def _looks() -> int:
    given = request.args.get("looks", "0")
    return int(given) if given.isdecimal() and len(given) < 4 else 0


def _state(visit: Checkout, org: UUID, sent: str) -> str:
    """What is known already, else what Stripe says now."""
    done = visit.state == "completed"
    if done and (visit.purpose != "subscription" or _has_moved(org, visit)):
        return "paid" if visit.purpose == "subscription" else "saved"
    if not done and visit.state not in payments.OPEN_CHECKOUT:
        return "failed" if visit.state == "failed" else "expired"
    try:
        return fulfil.fulfil_checkout(org, sent, business_now())
    except NotFound:
        raise
    except DomainError:
        return "away"


def _has_moved(org: UUID, visit: Checkout) -> bool:
    """Whether the money has arrived: a session is complete as soon as it was ordered, and a bank debit takes days."""
    record = histories.of_checkout(session(), org, visit.id)
    return record is None or record.state in {"completed", "refunded"}


def _paid(org: UUID, visit: Checkout) -> Paid | None:
    record = histories.of_checkout(session(), org, visit.id)
    return Paid(amount(record.amount, record.currency), histories.card(record)) if record else None
