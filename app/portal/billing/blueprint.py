"""What the billing pages share: their blueprint, what a failure says, whom to ask, and the way to Stripe's pages."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, redirect

from app.accounts.identity import Caller
from app.kit.errors import DomainError, Unavailable
from app.portal.shell import people
from app.portal.shell.people import MAY_CHANGE_PLAN, PlanManager, org_of
from app.stripe_gateway.errors import StripeAway
from app.web.database import session
from app.web.problems import RETRY_SECONDS, get_problem_type

billing = Blueprint("billing", __name__, url_prefix="/billing")


def redirect_to_stripe(url: str) -> Response:
    """303 to a page of Stripe's. The address is a credential: it goes to the browser and nowhere else."""
    answer: Response = redirect(url, 303)  # type: ignore[assignment]  # Flask's redirect returns its own Response
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def plan_managers_to_ask(who: Caller) -> list[PlanManager]:
    """Who of the org may change its plan; nobody for somebody who may."""
    return [] if who.role in MAY_CHANGE_PLAN else people.list_plan_managers(session(), org_of(who))


def render_failure(trouble: DomainError, page: Callable[..., Response]) -> Response:
    """The `page` with what went wrong (its `trouble` and `status`), and when to try again where that is known."""
    answer = page(trouble=_detail(trouble), status=_status(trouble))
    if trouble.code in RETRY_SECONDS:
        answer.headers["Retry-After"] = str(RETRY_SECONDS[trouble.code])
    return answer


def _status(trouble: DomainError) -> int:
    """That of the API; but payments that are off are no failure of a page."""
    return 409 if trouble.code == "payments_off" else get_problem_type(trouble.code).status


def _detail(trouble: DomainError) -> str:
    """What to do, where the error does not say it itself."""
    if isinstance(trouble, Unavailable) and trouble.code == "unavailable":
        away = "Stripe does not answer at the moment." if isinstance(trouble, StripeAway) else trouble.detail
        return f"{away} Press the button again in a minute: the same payment is never taken twice."
    if trouble.code == "internal":
        return f"{trouble.detail} Nothing was charged. Tell your Tollkeeper team the request id below."
    return trouble.detail
