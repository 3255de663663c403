"""What the timeline says of each entry: a title, a second line, and the page that has more. Pure but for addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.admin.audit_log.view import describe_kind_and_name, describe_side
from app.admin.orgs.timeline import KINDS, TimelineEntry
from app.audit.actions import describe_action
from app.audit.queries import keep_changes
from app.portal.account_statement.movements import EVENTS, Movement
from app.portal.billing.words import describe_event
from app.statements import wording
from app.web.addresses import path_to
from app.web.filters import day

_Words = tuple[str, str]
_PERIODS = {"period_started": "Usage period began", "period_closed": "Usage period closed"}
_FAILED = {"payment_failed": "Payment failed", "payment_pending": "Payment pending"}


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """An entry as the page shows it. `href` is None where nothing has more of it."""

    at: datetime
    kind: str
    kind_name: str
    title: str
    detail: str
    who: str
    href: str | None


def build_row(entry: TimelineEntry, org_id: UUID, zone: str) -> TimelineRow:
    """The entry in words.

    Worked example: a failed payment of 4,900 US cents: "Payment failed, $49.00", "Pro, monthly. Card declined."
    """
    title, detail = _describe(entry, zone)
    return TimelineRow(
        entry.at, entry.kind, KINDS[entry.kind], title, detail, _describe_actor(entry), _find_page(entry, org_id)
    )


def _describe(entry: TimelineEntry, zone: str) -> _Words:
    facts = entry.facts
    match entry.kind:
        case "plan":
            words = describe_event(entry.what, facts["plan"]), f"Version {facts['version']}"
        case "override":
            words = _describe_override(entry.what, facts, zone)
        case "period":
            words = _PERIODS[entry.what], f"{_day(facts['start'], zone)} to {_day(facts['end'], zone)}"
        case "invoice" | "payment":
            words = _describe_money(entry)
        case "note":
            words = "Note", facts["words"]
        case "stripe":
            words = entry.what, ". ".join(filter(None, (facts["state"].capitalize(), facts["error"])))
        case "mail":
            words = entry.what, _describe_mail(facts)
        case _:
            words = describe_action(entry.what), _describe_change(facts)
    return words


def _describe_override(what: str, facts: Mapping[str, Any], zone: str) -> _Words:
    value = "unlimited" if facts["value"] is None else describe_side({facts["key"]: facts["value"]})
    shown = f"{facts['key']} {value}" if facts["value"] is None else value
    if what == "override_ended":
        return "Override ended", shown
    until = f", until {_day(facts['until'], zone)}" if facts["until"] else ""
    return "Override given", f"{shown}{until}. {facts['reason']}"


def _describe_money(entry: TimelineEntry) -> _Words:
    facts = entry.facts
    amount = wording.format_amount(abs(facts["amount"]), facts["currency"])
    if entry.what not in EVENTS:
        return f"{_FAILED[entry.what]}, {amount}", ". ".join(filter(None, (facts["description"], facts["failure"])))
    moved = Movement(
        entry.at, entry.what, facts["amount"], facts["currency"], facts["document"], None, facts["detail"], entry.key
    )
    return moved.words, amount


def _describe_mail(facts: Mapping[str, Any]) -> str:
    error = f". {facts['error']}" if facts["error"] and facts["state"] != "sent" else ""
    return f"To {facts['to']}, {facts['state']}{error}"


def _describe_change(facts: Mapping[str, Any]) -> str:
    before, after = (describe_side(side) for side in keep_changes(facts["before"], facts["after"]))
    return f"{before} → {after}" if before and after else before or after


def _describe_actor(entry: TimelineEntry) -> str:
    kind = entry.facts.get("actor_kind")
    return describe_kind_and_name(kind, entry.actor) if kind else entry.actor or ""


def _find_page(entry: TimelineEntry, org_id: UUID) -> str | None:
    facts = entry.facts
    match entry.kind:
        case "stripe":
            return path_to("admin.inbox_event", event_id=facts["id"])
        case "audit":
            return path_to("admin.audit_entry", entry_id=facts["id"])
        case "mail":
            return path_to("admin.outbox", to=facts["to"])
        case "note":
            return path_to("admin.org_notes", org_id=org_id)
        case "invoice" if facts.get("issued_id"):
            return path_to("admin.invoice", invoice_id=facts["issued_id"])
    return None


def _day(text: str, zone: str) -> str:
    return str(day(datetime.fromisoformat(text), zone, plain=True))
