"""What the billing pages share: their blueprint, what a failure says, and the way to Stripe's pages."""

from __future__ import annotations

from flask import Blueprint, Response, redirect

from app.kit.errors import DomainError, Unavailable
from app.stripe_gateway.errors import StripeAway
from app.web.problems import problem_of

billing = Blueprint("billing", __name__, url_prefix="/billing")


def leave(url: str) -> Response:
    """303 to a page of Stripe's. The address is a credential: it goes to the browser and nowhere else."""
    answer: Response = redirect(url, 303)  # type: ignore[assignment]  # Flask's redirect returns its own Response
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def status_of(trouble: DomainError) -> int:
    """The status that the page with the trouble answers with; payments that are off are no failure."""
    return 409 if trouble.code == "payments_off" else problem_of(trouble.code).status


def detail_of(trouble: DomainError) -> str:
    """What to do, where the error does not say it itself."""
    if isinstance(trouble, Unavailable) and trouble.code == "unavailable":
        away = "Stripe does not answer at the moment." if isinstance(trouble, StripeAway) else trouble.detail
        return f"{away} Press the button again in a minute: the same payment is never taken twice."
    if trouble.code == "internal":
        return f"{trouble.detail} Nothing was charged. Tell your Tollkeeper team the request id below."
    return trouble.detail
