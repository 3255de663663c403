"""Parses the card form."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sandbox.standin.engine import cards
from sandbox.standin.engine.cards import CardForm

FIELDS = ("number", "expiry", "cvc", "name", "email")
_EXPIRY = re.compile(r"\s*(\d{1,2})\s*[/-]\s*(\d{2}|\d{4})\s*")


def parse_card(form: dict[str, str], now: int) -> CardForm | str:
    """The card from `number`, `expiry` (MM / YY), `cvc`, `name` and `email`; or an error message."""
    number = re.sub(r"[\s-]", "", form.get("number", ""))
    if not cards.luhn(number):
        return cards.BAD_NUMBER.message
    expiry = _EXPIRY.fullmatch(form.get("expiry", ""))
    if expiry is None:
        return cards.BAD_EXPIRY.message
    month, year = int(expiry[1]), int(expiry[2]) % 100 + 2000
    today = datetime.fromtimestamp(now, UTC)
    if not 1 <= month <= 12 or (year, month) < (today.year, today.month):
        return cards.BAD_EXPIRY.message
    if not re.fullmatch(r"\d{3,4}", form.get("cvc", "").strip()):
        return cards.BAD_CVC.message
    return CardForm(number, month, year, form.get("name", "").strip() or None, form.get("email", "").strip() or None)


def typed_values(form: dict[str, str] | None) -> dict[str, str]:
    """The typed values, to show them again; the CVC must be entered again."""
    given = form or {}
    return {name: "" if name == "cvc" else given.get(name, "") for name in FIELDS}
