"""Pages: the org's settings, switching between orgs, leaving one."""

from __future__ import annotations

from flask import Response, request

from app.accounts import guards, queries
from app.accounts.forms.org import OrgForm
from app.accounts.models import Org
from app.accounts.orgs import members, service
from app.accounts.roles import MANAGERS, OWNER
from app.accounts.sign_in.login import signed_in_user
from app.accounts.views.blueprint import pages
from app.accounts.views.context import current_membership, home
from app.kit.errors import NotFound
from app.kit.ids import parse_id
from app.web.database import session, transaction
from app.web.forms import ButtonForm
from app.web.pages import flash_message, redirect_path, redirect_to, render
from app.web.runtime import wall_now


@pages.get("/settings/org")
def org_settings() -> Response:
    """Show the settings to every member; owners and admins can change them."""
    org = queries.get_org(session(), current_membership().org_id)
    form = OrgForm(data={"name": org.name, "time_zone": org.time_zone, "clients_listed_only": org.clients_listed_only})
    return _page(org, form.offer_zones(org.time_zone))


@pages.post("/settings/org")
def change_org() -> Response:
    """Save name, time zone and who makes clients; the currency cannot be changed here."""
    org = queries.get_org(session(), current_membership().org_id)
    form = OrgForm().offer_zones(org.time_zone)
    if not form.validate_on_submit():
        return _page(org, form, status=422)
    with transaction() as open_session:
        service.change_settings(
            open_session,
            org.id,
            name=form.text("name"),
            time_zone=form.text("time_zone"),
            clients_listed_only=bool(form.clients_listed_only.data),
            actor=guards.caller().actor,
            now=wall_now(),
        )
    flash_message("success", "Settings saved.")
    return redirect_to("accounts.org_settings")


@pages.post("/orgs/switch")
def switch_org() -> Response:
    """Switch to another of the user's orgs."""
    signed_in = signed_in_user()
    org_id = parse_id(request.form.get("org_id", ""))
    if org_id is None:
        raise NotFound("There is no such organisation.")
    with transaction() as open_session:
        service.choose_org(open_session, signed_in.user_id, signed_in.session_id, org_id, now=wall_now())
    return redirect_path(home())


@pages.route("/settings/leave", methods=["GET", "POST"])
def leave_org() -> Response:
    """Leave the org, after a page that explains the consequences."""
    form, current = ButtonForm(), current_membership()
    if not form.validate_on_submit():
        owners = queries.list_members_with_role(session(), current.org_id, {OWNER})
        is_last_owner = current.role == OWNER and len(owners) == 1
        return render("accounts/settings/leave.html", org_name=guards.caller().org_name, last_owner=is_last_owner)
    with transaction() as open_session:
        members.leave(open_session, current.org_id, current.user_id, actor=guards.caller().actor, now=wall_now())
    flash_message("success", "You have left the organisation.")
    return redirect_to("accounts.settings")


def _page(org: Org, form: OrgForm, status: int = 200) -> Response:
    may_change = current_membership().role in MANAGERS
    ask = [] if may_change else queries.list_members_with_role(session(), org.id, MANAGERS)
    return render("accounts/settings/org.html", org=org, form=form, may_change=may_change, ask=ask, status=status)
