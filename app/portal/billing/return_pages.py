"""The return page after Stripe Checkout: the checkout's outcome, as confirmed by Stripe."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from app.accounts import guards
from app.accounts import queries as accounts
from app.accounts.identity import Caller, OrgChoice
from app.catalog import queries
from app.kit.errors import DomainError, NotFound
from app.kit.ids import parse_id
from app.payments import queries as payments
from app.payments.checkout import fulfil
from app.payments.checkout_models import Checkout
from app.portal.billing import history as histories
from app.portal.billing.blueprint import billing
from app.portal.billing.checkout_result import Paid, build_return_view
from app.portal.billing.read_status import get_billing_status
from app.portal.shell.links import purchase_url
from app.portal.shell.people import get_org_id
from app.statements.wording import format_amount
from app.web.addresses import path_to
from app.web.database import session
from app.web.pages import render
from app.web.runtime import business_now

_NO_CHECKOUT = "There is no such checkout."


@billing.get("/return")
def checkout_return() -> Response:
    """Show the outcome. Asks Stripe: the URL of this page proves nothing.

    The page belongs to the purchase: whoever has switched to another of their organisations meanwhile still sees it.
    """
    now, sent, polls = business_now(), request.args.get("session_id", ""), _count_polls()
    checkout, elsewhere = _get_checkout(guards.caller(), sent)
    org = checkout.org_id
    state = _state(checkout, org, sent)
    plan = queries.find_plan_of_version(session(), checkout.plan_version_id) if checkout.plan_version_id else None
    view = build_return_view(
        state,
        get_billing_status(session(), org, now),
        plan=plan.name if plan else None,
        retry=purchase_url(plan.key, checkout.interval or "", checkout.currency or "")
        if plan
        else path_to("billing.index"),
        again=path_to("billing.checkout_return", checkout=checkout.id, session_id=sent, looks=polls + 1),
        polls_so_far=polls,
        paid=_paid(org, checkout) if state == "paid" else None,
        elsewhere=elsewhere,
    )
    return render("billing/return.html", fragments=("result",), view=view)


def _get_checkout(who: Caller, sent: str) -> tuple[Checkout, OrgChoice | None]:
    """The checkout named in the URL, if its session id is `sent` or was never stored, and the viewer is a member.

    Second, its organisation if that is not the one that the viewer has switched to.
    """
    checkout_id = parse_id(request.args.get("checkout", ""))
    checkout = payments.find_checkout(session(), checkout_id) if checkout_id else None
    if checkout is None or not sent or "\x00" in sent or checkout.session_id not in {sent, None}:
        raise NotFound(_NO_CHECKOUT)
    if checkout.org_id == get_org_id(who):
        return checkout, None
    elsewhere = accounts.find_org_choice(session(), who.user_id, checkout.org_id)
    if elsewhere is None:
        raise NotFound(_NO_CHECKOUT)
    return checkout, elsewhere


def _count_polls() -> int:
    given = request.args.get("looks", "0")
    return int(given) if given.isdecimal() and len(given) < 4 else 0


def _state(checkout: Checkout, org: UUID, sent: str) -> str:
    """The state already known locally, otherwise Stripe's answer."""
    completed = checkout.state == "completed"
    if checkout.trial_refused is not None:
        return "refused"
    if completed and (checkout.purpose != "subscription" or _has_moved(org, checkout)):
        return "paid" if checkout.purpose == "subscription" else "saved"
    if not completed and checkout.state not in payments.OPEN_CHECKOUT:
        return "failed" if checkout.state == "failed" else "expired"
    try:
        return fulfil.fulfil_checkout(org, sent, business_now())
    except NotFound:
        raise
    except DomainError:
        return "away"


def _has_moved(org: UUID, checkout: Checkout) -> bool:
    """Whether the money has arrived: a session completes on order, but a bank debit takes days."""
    record = payments.find_checkout_record(session(), org, checkout.id)
    return record is None or record.state in {"completed", "refunded"}


def _paid(org: UUID, checkout: Checkout) -> Paid | None:
    record = payments.find_checkout_record(session(), org, checkout.id)
    return Paid(format_amount(record.amount, record.currency), histories.describe_card(record)) if record else None
