"""Who a document is from and to: the seller of the settings, and the buyer of an org's billing details. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Row

from app.invoices.document import Party
from app.kit.countries import list_countries
from app.settings import Settings


def build_seller(settings: Settings) -> Party:
    """The seller as the settings have it."""
    return Party(settings.seller_name, settings.seller_address, settings.seller_tax_id)


def build_buyer(contact: Row[Any]) -> Party:
    """The buyer; `contact` is what `accounts.queries.find_billing_contact` returns."""
    return Party(contact.name, list(_list_lines(contact.address)), contact.tax_id)


def list_repeated_facts(contact: Row[Any]) -> list[tuple[str, str]]:
    """What the buyer wants on every document beside the note: the order number, where there is one."""
    return [("Purchase order", contact.order_number)] if contact.order_number else []


def list_repeated_notes(contact: Row[Any]) -> list[str]:
    """The buyer's note, where there is one."""
    return [contact.invoice_note] if contact.invoice_note else []


def _list_lines(address: Mapping[str, str]) -> Iterator[str]:
    """The lines of an address, the country by its name."""
    place = " ".join(address[name] for name in ("postal_code", "city") if address.get(name))
    country = list_countries().get(address.get("country", ""), "")
    lines = (address.get("line1"), address.get("line2"), place, address.get("region"), country)
    yield from (line for line in lines if line)
