"""Shared by the billing pages: blueprint, error rendering, who can change the plan, redirects to Stripe."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, redirect

from app.accounts.identity import Caller
from app.accounts.roles import PLAN_MANAGERS
from app.kit.errors import DomainError, Unavailable
from app.portal.shell import people
from app.portal.shell.people import PlanManager, get_org_id
from app.stripe_gateway.errors import StripeAway
from app.web.database import session
from app.web.problems import RETRY_SECONDS, get_problem_type

billing = Blueprint("billing", __name__, url_prefix="/billing")


def redirect_to_stripe(url: str) -> Response:
    """Redirect (303) to a Stripe page."""
    answer: Response = redirect(url, 303)  # type: ignore[assignment]  # Flask's redirect returns its own Response
    return answer


def plan_managers_to_ask(who: Caller) -> list[PlanManager]:
    """The members who can change the plan; empty if the caller is one of them."""
    return [] if who.role in PLAN_MANAGERS else people.list_plan_managers(session(), get_org_id(who))


def render_failure(trouble: DomainError, page: Callable[..., Response]) -> Response:
    """Render `page` with the error's message and status, and a Retry-After header where the delay is known."""
    answer = page(trouble=describe_failure(trouble), status=_status(trouble))
    if trouble.code in RETRY_SECONDS:
        answer.headers["Retry-After"] = str(RETRY_SECONDS[trouble.code])
    return answer


def _status(trouble: DomainError) -> int:
    """The API's status for the error, except that disabled payments are not a server error on a page."""
    return 409 if trouble.code == "payments_off" else get_problem_type(trouble.code).status


def describe_failure(trouble: DomainError) -> str:
    """The error's message, with advice where the error itself gives none."""
    if isinstance(trouble, StripeAway):
        return "Stripe is not responding at the moment. Try again in a minute: you will not be charged twice."
    if isinstance(trouble, Unavailable) and trouble.code == "unavailable":
        return f"{trouble.detail} Try again in a minute: you will not be charged twice."
    if trouble.code == "internal":
        return f"{trouble.detail} Nothing was charged. Please give your Tollkeeper team the request id below."
    return trouble.detail
