"""Reads `prorations.toml` and plays its cases on the stand-in, through the SDK."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import stripe

from tests.sandbox.billing import Shop
from tests.today import FixedClock

Case = dict[str, Any]
BEHAVIORS = {"now": "always_invoice", "later": "create_prorations", "none": "none"}
HOURS = timedelta(hours=2)  # after a renewal: its draft is final, and its payment was tried


def load() -> list[Case]:
    """The cases, in the file's order."""
    cases: list[Case] = tomllib.loads(Path(__file__).with_name("prorations.toml").read_text(encoding="utf-8"))["case"]
    return cases


@dataclass
class Played:
    """What a change led to: the lines as the file has them, sums, and the subscription's dates."""

    lines: list[tuple[str, int, int]]
    total: int
    due: int
    period_end: datetime | None = None
    anchor: datetime | None = None


@dataclass
class Player:
    """One case on a fresh world; `play` makes one change."""

    shop: Shop
    clock: FixedClock
    case: Case
    items: dict[str, Any] = field(default_factory=dict)  # by name: id and terms

    def start(self) -> None:
        """Start the subscription and bring it into the period of the case."""
        case, self.clock.at = self.case, self.case["start"]
        self.currency = case.get("currency", "usd")
        self.shop.save_card()
        rows = [self._row(item) for item in case["items"]]
        params: Any = {
            "customer": self.shop.customer,
            "items": rows,
            "discounts": self._discounts(case.get("discounts", [])),
            "default_tax_rates": self._tax(case.get("tax", 0)),
            **({"trial_period_days": case["trial_days"]} if "trial_days" in case else {}),
        }
        params = {name: value for name, value in params.items() if value != []}
        self.id = self.shop.v1.subscriptions.create(params).id
        self._know_items()
        for number in range(case.get("renewed", 0)):
            last = number + 1 == case["renewed"]
            if last and case.get("renewal", "paid") != "paid":
                self.shop.save_card("pm_card_chargeCustomerFail")
            self._move(self._item().current_period_end)
        if case.get("renewal") == "void":
            self.shop.v1.invoices.void_invoice(str(self.read().latest_invoice))
        self.shop.save_card()

    def play(self, change: Case) -> tuple[Played | None, Played]:
        """Preview the change, unless it has more than a preview takes, and make it."""
        self.clock.at = max(self.clock.at, change["at"])
        self.shop.standin.run_due()
        given = self._params(change)
        foreseen = None if {"discounts", "default_tax_rates", "trial_end"} & given.keys() else self._preview(given)
        before = {invoice.id for invoice in self.shop.invoices(self.id)}
        if given:
            self.shop.v1.subscriptions.update(self.id, given)
        self._know_items()
        new = [invoice for invoice in self.shop.invoices(self.id) if invoice.id not in before]
        item, anchor = self._item(), self.read().billing_cycle_anchor
        due = sum(invoice.amount_due for invoice in new)
        if change.get("billed", "now") == "later":
            self._move(item.current_period_end)
            new = self.shop.invoices(self.id)[-1:]
        dates = (_date(item.current_period_end), _date(anchor))
        return foreseen, Played(_lines(new), sum(invoice.total for invoice in new), due, *dates)

    def renew(self, at: datetime) -> datetime:
        """Move the clock to a renewal; returns when the period began."""
        self._move(int(at.timestamp()))
        return _date(self._item().current_period_start)

    def read(self) -> stripe.Subscription:
        """The subscription now."""
        return self.shop.v1.subscriptions.retrieve(self.id)

    def _item(self) -> Any:
        return self.read()["items"].data[0]

    def _move(self, to: int) -> None:
        self.clock.at = _date(to) + HOURS
        self.shop.standin.run_due()

    def _know_items(self) -> None:
        by_price = {item.price.id: item.id for item in self.read()["items"].data}
        self.items = {
            name: {**terms, "id": by_price[terms["made"]]}
            for name, terms in self.items.items()
            if terms["made"] in by_price
        }

    def _row(self, item: Case) -> Any:
        known = self.items.get(item["name"], {})
        more = {"id": known["id"]} if "id" in known else {}
        if item.get("quantity") == 0:
            return {**more, "deleted": True}
        if "price" not in item:
            return {**more, "quantity": item["quantity"]}
        interval = item.get("interval") or known["interval"]
        made = self.shop.make_price(item["price"], interval, self.currency)
        self.items[item["name"]] = {**known, "interval": interval, "made": made}
        return {**more, "price": made, **({"quantity": item["quantity"]} if "quantity" in item else {})}

    def _params(self, change: Case) -> Any:
        rows = [self._row(item) for item in change.get("items", [])]
        params: dict[str, Any] = {"items": rows} if rows else {}
        if rows or "anchor" in change or "trial_end" in change:
            params["proration_behavior"] = BEHAVIORS[change["behavior"]]
        if "prorated_at" in change:
            params["proration_date"] = int(change["prorated_at"].timestamp())
        if "anchor" in change:
            params["billing_cycle_anchor"] = {"type": "now"}
        if "discounts" in change:
            params["discounts"] = self._discounts(change["discounts"]) or ""
        if "tax" in change:
            params["default_tax_rates"] = self._tax(change["tax"])
        if "trial_end" in change:
            params["trial_end"] = int(change["trial_end"].timestamp())
        return params

    def _preview(self, given: Any) -> Played:
        params: Any = {"subscription": self.id, "subscription_details": given}
        invoice = self.shop.v1.invoices.create_preview(params)
        return Played(_lines([invoice]), invoice.total, invoice.amount_due)

    def _discounts(self, discounts: list[Case]) -> Any:
        rows = []
        for each in discounts:
            amount = {"amount_off": each.get("amount"), "currency": self.currency}
            params: Any = {"percent_off": each["percent"]} if "percent" in each else amount
            months = isinstance(each["duration"], int)
            lasts = {"duration": "repeating", "duration_in_months": each["duration"]}
            params |= lasts if months else {"duration": each["duration"]}
            rows.append({"coupon": self.shop.v1.coupons.create(params).id})
        return rows

    def _tax(self, percent: float) -> list[str]:
        params: Any = {"display_name": "VAT", "percentage": percent, "inclusive": False}
        return [self.shop.v1.tax_rates.create(params).id] if percent else []


def _date(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds).astimezone()


def _lines(invoices: list[stripe.Invoice]) -> list[tuple[str, int, int]]:
    """Kind, amount net of discounts, and tax, sorted; lines of nothing left out."""
    found = []
    for line in (line for invoice in invoices for line in invoice.lines.data):
        amount = line.amount - sum(part.amount for part in line.discount_amounts or [])
        tax = sum(part.amount for part in line.taxes or [])
        found.append(("credit" if amount < 0 else "charge", amount, tax))
    return sorted(line for line in found if line[1])
