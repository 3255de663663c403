"""Staff pages of the outbox: list emails, send a failed one again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request, url_for

from app.admin.actors import actor_for
from app.admin.audit_log.pages import pages
from app.audit.service import write as audit
from app.kit.ids import parse_id
from app.mail.queries import MAIL_STATES, MailFilter, count_open, list_emails
from app.mail.rendering import list_templates
from app.mail.service import retry_email
from app.web.database import session, transaction
from app.web.pages import flash_message, redirect_to, render
from app.web.runtime import business_now

__all__ = ["pages"]  # the factory imports the blueprint from here, once all its routes are registered

_MANY = 50


@pages.get("/admin/mail")
def outbox() -> Response:
    """Emails by state, template and recipient, newest first."""
    filters, before = _parse_filters(), parse_id(request.args.get("before", ""))
    rows = list_emails(session(), filters, before, _MANY + 1)
    following = rows[_MANY - 1].id if len(rows) > _MANY else None
    return render(
        "admin/mail.html",
        rows=rows[:_MANY],
        filters=filters,
        states=_list_states(filters),
        templates=list_templates(),
        next_href=url_for("admin.outbox", **_query(filters), before=following) if following else None,
        first_href=url_for("admin.outbox", **_query(filters)) if before else None,
        here={**_query(filters), "before": before},
    )


@pages.post("/admin/mail/<uuid:mail_id>/retry")
def send_email_again(mail_id: UUID) -> Response:
    """Queue a failed email again; one that is waiting or sent stays as it is. Audited."""
    with transaction() as open_session:
        mail = retry_email(open_session, mail_id)
        if mail is not None:
            audit(
                open_session, actor_for(None), "email.retried", on=("email", mail.id), before={"state": "failed"},
                after={"state": "waiting", "template": mail.template}, personal={"to": mail.to_address},
                now=business_now(),
            )  # fmt: skip
    if mail is not None:
        flash_message("success", "The email is queued again. Its state will change here shortly.")
    else:
        flash_message("info", "This email has not failed. Nothing was changed.")
    return redirect_to("admin.outbox", **_query(_parse_filters()), before=parse_id(request.args.get("before", "")))


def _list_states(filters: MailFilter) -> list[tuple[str, str, bool]]:
    counts = count_open(session())
    words = {state: f"{state.capitalize()} {counts[state]:,}" if state in counts else "Sent" for state in MAIL_STATES}
    tabs = [("All", url_for("admin.outbox", **_query(filters) | {"state": None}), filters.state is None)]
    for state in MAIL_STATES:
        href = url_for("admin.outbox", **_query(filters) | {"state": state})
        tabs.append((words[state], href, filters.state == state))
    return tabs


def _parse_filters() -> MailFilter:
    """Parse the query string; an unknown state or template is ignored."""
    state, template = request.args.get("state"), request.args.get("template")
    to = request.args.get("to", "").replace("\x00", "").strip()[:255]
    return MailFilter(
        state if state in MAIL_STATES else None, template if template in list_templates() else None, to or None
    )


def _query(filters: MailFilter) -> dict[str, Any]:
    return {"state": filters.state, "template": filters.template, "to": filters.to}
