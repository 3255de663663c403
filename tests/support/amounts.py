"""Amounts in what people read: those of another currency, and those with other decimals than their currency has."""

from __future__ import annotations

import re
from typing import Any

SIGNS = {"EUR": "€", "JPY": "¥", "KWD": "KWD"}
PLACES = {"EUR": 2, "JPY": 0, "KWD": 3}
ANY = re.compile(r"(?:[$€¥£]|\b(?:USD|EUR|JPY|KWD)[\s\u00a0]?)(?P<digits>\d+(?:,\d{3})*(?:\.\d+)?)(?P<unit> each)?")
"""An amount in a text, or the price of a unit."""


def read(page: str) -> str:
    """What people read of a page's main part, or of an email; what a list offers for choice is left out."""
    main = page[page.index("<main") :] if "<main" in page else page
    return re.sub(r"(?s)<[^>]+>", " ", re.sub(r"(?s)<(script|style|svg|select).*?</\1>", "", main))


def foreign(words: str, currency: str) -> set[str]:
    """Amounts in another currency; Stripe's own words may have the code in place of the sign."""
    return {found[0] for found in ANY.finditer(words) if not found[0].startswith((SIGNS[currency], currency))}


def misplaced(words: str, currency: str) -> set[str]:
    """Amounts whose decimals are not those of the currency; a plan's price may have none."""
    wanted = {0, PLACES[currency]}
    amounts = [found for found in ANY.finditer(words) if not found["unit"]]
    return {found[0] for found in amounts if len(found["digits"].partition(".")[2]) not in wanted}


def texts(value: Any) -> str:
    """Every text in a structure, one after the other."""
    if isinstance(value, str):
        return value + "\n"
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return "".join(map(texts, parts))
