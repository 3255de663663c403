"""A row of FOCUS 1.2, which is also what the API reference says of the file's lines."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from app.kit.fields import Instant

USAGE, PURCHASE, TAX, CREDIT, ADJUSTMENT = "Usage", "Purchase", "Tax", "Credit", "Adjustment"
USAGE_BASED, RECURRING, ONE_TIME = "Usage-Based", "Recurring", "One-Time"
CORRECTION, STANDARD = "Correction", "Standard"


def _name_column(field: str) -> str:
    """The column of a field; those that the norm does not know begin with `x_`."""
    own, _, rest = field.rpartition("own_")
    return ("x_" if own or field.startswith("own_") else "") + "".join(word.capitalize() for word in rest.split("_"))


class FocusRow(msgspec.Struct, rename=_name_column, kw_only=True, frozen=True):
    """A charge. Costs are in major units of `BillingCurrency`; an empty cell stands for null.

    The rows of an invoice add up to its total, those of a month to what its invoices, credit notes and voids came to.
    `BillingPeriodStart` and `BillingPeriodEnd` are the month (UTC) in which the document was issued, `InvoiceId` is
    its number. `ListCost` and `ContractedCost` are exact and before discounts; `BilledCost` and `EffectiveCost` are
    after discounts, and rounded as the invoice is. `x_InvoiceLine` is the line that can be explained.
    """

    billed_cost: Decimal
    billing_account_id: str
    billing_account_name: str
    billing_currency: str
    billing_period_end: Instant
    billing_period_start: Instant
    charge_category: Literal["Usage", "Purchase", "Tax", "Credit", "Adjustment"]
    charge_class: Literal["Correction"] | None = None
    charge_description: str
    charge_frequency: Literal["Usage-Based", "Recurring", "One-Time"]
    charge_period_end: Instant
    charge_period_start: Instant
    commitment_discount_status: None = None
    consumed_quantity: Decimal | None = None
    consumed_unit: str | None = None
    contracted_cost: Decimal
    contracted_unit_price: Decimal | None = None
    effective_cost: Decimal
    invoice_id: str | None
    invoice_issuer_name: str
    list_cost: Decimal
    list_unit_price: Decimal | None = None
    pricing_category: Literal["Standard"] | None = None
    pricing_currency: str
    pricing_currency_contracted_unit_price: Decimal | None = None
    pricing_currency_effective_cost: Decimal
    pricing_currency_list_unit_price: Decimal | None = None
    pricing_quantity: Decimal | None = None
    pricing_unit: str | None = None
    provider_name: str
    publisher_name: str
    service_category: Literal["Other"] = "Other"
    service_name: str
    service_subcategory: Literal["Other (Other)"] = "Other (Other)"
    sku_id: str | None = None
    sku_meter: str | None = None
    sku_price_details: str | None = None
    sku_price_id: str | None = None
    own_discounts: str | None = None
    own_invoice_line: str | None = None
    own_plan: str | None = None


HEAD = tuple(field.encode_name for field in msgspec.structs.fields(FocusRow))
