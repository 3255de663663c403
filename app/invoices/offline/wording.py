"""Amounts and days as our own invoices and their emails say them. Pure."""

from __future__ import annotations

from datetime import date

from app.invoices.offline.models import IssuedInvoice
from app.kit.money import exponent, to_major
from app.web.filters import estimate


def format_amount(minor: int, currency: str) -> str:
    """Minor units as people read them: 4900 USD is $49.00."""
    return estimate(to_major(minor, exponent(currency)), currency)


def format_day(day: date) -> str:
    """A day: 5 December 2026."""
    return f"{day:%-d %B %Y}"


def describe_payment(issued: IssuedInvoice) -> str:
    """How to pay an invoice."""
    bank = issued.seller.get("bank")
    to = f" to {bank}" if bank else ""
    return f"Please pay by bank transfer{to}, with the reference {issued.number}."
