"""The page that proves the figures of a usage period."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, request

from app.accounts import guards
from app.kit.errors import Conflict, NotFound
from app.portal.proof.prove import prove
from app.portal.proof.view import build_proof_view
from app.portal.shell.people import get_org_id
from app.web.pages import render
from app.web.runtime import business_now

proof = Blueprint("proof", __name__)


@proof.get("/usage/verify")
def show() -> Response:
    """The figures of the running period, or of the one that contains `at`, from every source side by side."""
    who = guards.caller()
    now = business_now()
    try:
        view = build_proof_view(prove(get_org_id(who), read_instant(request.args.get("at")) or now, now), who.time_zone)
    except Conflict as too_large:
        return render("proof/proof.html", view=None, reason=too_large.detail)
    return render("proof/proof.html", view=view, reason="")


def read_instant(given: str | None) -> datetime | None:
    """Read the instant of an address. Raises `NotFound` for anything else."""
    if not given:
        return None
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise NotFound("There is no usage period at this time.") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
