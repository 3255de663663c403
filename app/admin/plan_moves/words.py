"""What staff read about moves. Pure; days are the organisation's own."""

from __future__ import annotations

from app.admin.plan_moves.decide import (
    ALREADY,
    BEGUN,
    FOLLOWS,
    GONE,
    OWN_PRICE,
    UNSOLD,
    MoveDecision,
)
from app.statements.wording import format_day
from app.subscriptions.changes.dates import MoveDates
from app.subscriptions.changes.move_rows import ENDING, OWN_CHANGE

NOTES = {
    ALREADY: "Is on it, or will be",
    BEGUN: "An earlier move has begun to take effect",
    GONE: "Its subscription has ended",
    OWN_CHANGE: "Has planned a change itself; moved after it, if it is still on this version",
    ENDING: "Its plan ends; moved if it is kept after all",
    OWN_PRICE: "Pays a price made by hand at Stripe, which stays",
    UNSOLD: "Pays by an interval or currency that the version has no price for",
}


def describe_decision(decision: MoveDecision, zone: str) -> str:
    """When an organisation is moved, or why it is not."""
    if decision.kind == "kept":
        if decision.reason == FOLLOWS and decision.dates:
            day = format_day(decision.dates.fee_at, zone)
            return f"Has no subscription: follows the default plan by itself on {day}"
        return NOTES.get(decision.reason or "", "Stays")
    if decision.kind == "at_once":
        return "At once: nothing of the running period becomes dearer or less"
    return describe_dates(decision, zone).removesuffix(".")


def describe_dates(decision: MoveDecision, zone: str) -> str:
    """From when a planned move holds, as a sentence."""
    words = describe_move_dates(decision.dates, zone) if decision.dates else ""
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def describe_move_dates(dates: MoveDates, zone: str) -> str:
    """From when: "from 1 January 2027", or usage and fee apart."""
    fee = format_day(dates.fee_at, zone)
    usage = format_day(dates.usage_at, zone) if dates.usage_at else fee
    return f"from {fee}" if fee == usage else f"usage from {usage}, fee from {fee}"
