"""Pages: the org's billing details."""

from __future__ import annotations

from flask import Response

from app.accounts import guards, queries
from app.accounts.forms.billing_details import BillingDetailsForm
from app.accounts.models import Org
from app.accounts.orgs.billing_details import change_billing_details, read_billing_details
from app.accounts.roles import PLAN_MANAGERS
from app.accounts.views.blueprint import pages
from app.accounts.views.context import current_membership
from app.kit.countries import list_countries
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import wall_now


@pages.get("/settings/billing")
def billing_details() -> Response:
    """Show the details to every member; owners, admins and billing members can change them."""
    org = queries.get_org(session(), current_membership().org_id)
    known = read_billing_details(org)
    form = BillingDetailsForm(
        data={
            **known.address,
            "legal_name": known.legal_name,
            "tax_id": known.tax_id,
            "billing_emails": "\n".join(known.billing_emails),
            "order_number": known.order_number,
            "invoice_note": known.invoice_note,
        }
    )
    return _page(org, form)


@pages.post("/settings/billing")
def save_billing_details() -> Response:
    """Save them; Stripe follows within a minute."""
    org = queries.get_org(session(), current_membership().org_id)
    form = BillingDetailsForm()
    if not form.validate_on_submit():
        return _page(org, form, status=422)
    with transaction() as open_session:
        change_billing_details(open_session, org.id, form.details, actor=guards.caller().actor, now=wall_now())
    flash_message("success", "Billing details saved.")
    return redirect_to("accounts.billing_details")


def _page(org: Org, form: BillingDetailsForm, status: int = 200) -> Response:
    may_change = current_membership().role in PLAN_MANAGERS
    ask = [] if may_change else queries.list_members_with_role(session(), org.id, PLAN_MANAGERS)
    country = list_countries().get(org.address.get("country", ""))
    return render(
        "accounts/settings/billing_details.html", org=org, form=form, may_change=may_change, ask=ask, country=country,
        status=status,
    )  # fmt: skip
