"""The forms that switch pay for overage on and off."""

from __future__ import annotations

from flask import Response, request

from app.accounts import guards
from app.kit.errors import DomainError, InvalidRequest
from app.kit.ids import parse_id
from app.payments.payment_methods import pay_for_overage
from app.portal.billing.blueprint import billing, render_failure
from app.portal.billing.overview_pages import render_page
from app.portal.shell.people import get_org_id
from app.web.database import transaction
from app.web.pages import flash_message, redirect_to
from app.web.runtime import business_now


@billing.post("/overage")
def switch_overage_on() -> Response:
    """Switch it on, for the plan version and the card that the form showed."""
    who, now = guards.caller(), business_now()
    try:
        version_id = parse_id(request.form.get("version", ""))
        if version_id is None:
            raise InvalidRequest("The form is incomplete. Reload the page and try again.", [])
        with transaction() as session:
            pay_for_overage.pay_for_overage(
                session, get_org_id(who), version_id, request.form.get("card", ""), actor=who.actor, now=now
            )
    except DomainError as trouble:
        return render_failure(trouble, render_page)
    flash_message("success", "Pay for overage is on. Usage above your allowance is charged to your card.")
    return redirect_to("billing.index")


@billing.post("/overage/off")
def switch_overage_off() -> Response:
    """Switch it off."""
    who = guards.caller()
    with transaction() as session:
        changed = pay_for_overage.stop_paying_for_overage(session, get_org_id(who), actor=who.actor, now=business_now())
    words = "Pay for overage is off. Usage above your allowance is refused from now on."
    flash_message("success" if changed else "info", words)
    return redirect_to("billing.index")
