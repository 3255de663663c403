"""The form of billing details: whom invoices are made out to and copied to, and what they repeat."""

from __future__ import annotations

from typing import Any

from wtforms import SelectField, TextAreaField
from wtforms.form import BaseForm
from wtforms.validators import Email, Length, Optional, StopValidation, ValidationError

from app.accounts.orgs.billing_details import MOST_COPIES, BillingDetails
from app.kit.countries import list_countries
from app.kit.text import hides_characters
from app.web.forms import NAME_LENGTH, PageForm, PlainField, choices_from

ADDRESS_LINES = {
    "line1": ("Street and number", "address-line1"),
    "line2": ("Address line 2", "address-line2"),
    "postal_code": ("Postal code", "postal-code"),
    "city": ("City", "address-level2"),
    "region": ("State or region", "address-level1"),
}
_LONGEST_ADDRESS = 320


def _address_field(name: str) -> PlainField:
    label, autocomplete = ADDRESS_LINES[name]
    return PlainField(label, [Optional(), NAME_LENGTH], render_kw={"autocomplete": autocomplete})


class EmailsField(TextAreaField):
    """Email addresses in lower case, one a line; `addresses` has each once."""

    addresses: list[str]

    def process(self, *args: Any, **kwargs: Any) -> None:
        """Read the addresses from the text."""
        super().process(*args, **kwargs)
        lines = [line.strip().lower() for line in str(self.data or "").replace(",", "\n").splitlines()]
        self.addresses = list(dict.fromkeys(line for line in lines if line))

    def pre_validate(self, form: BaseForm) -> None:
        """Refuse more than five addresses, and what is none."""
        if len(self.addresses) > MOST_COPIES:
            raise StopValidation(f"Enter at most {MOST_COPIES} addresses.")
        text, check = self.data, Email()
        for address in self.addresses:
            self.data = address
            try:
                if len(address) > _LONGEST_ADDRESS or hides_characters(address):
                    raise ValidationError
                check(form, self)
            except ValidationError as error:
                self.data = text
                raise StopValidation("Enter addresses such as invoices@example.com, one a line.") from error
        self.data = text


class BillingDetailsForm(PageForm):
    """Whom invoices are made out to, who gets copies, and what they repeat."""

    legal_name = PlainField("Name on invoices", [Optional(), NAME_LENGTH], render_kw={"autocomplete": "organization"})
    line1 = _address_field("line1")
    line2 = _address_field("line2")
    postal_code = _address_field("postal_code")
    city = _address_field("city")
    region = _address_field("region")
    country = SelectField(
        "Country",
        default="",
        choices=choices_from([("", "Not given"), *list_countries().items()]),
        validate_choice=True,
        render_kw={"autocomplete": "country"},
    )
    tax_id = PlainField("Tax id", [Optional(), Length(max=50, message="Use at most 50 characters.")])
    billing_emails = EmailsField("Copies to", render_kw={"rows": 3, "autocomplete": "off", "spellcheck": "false"})
    order_number = PlainField(
        "Purchase order number",
        [Optional(), Length(max=100, message="Use at most 100 characters.")],
        render_kw={"autocomplete": "off"},
    )
    invoice_note = PlainField(
        "Note on invoices",
        [Optional(), Length(max=140, message="Use at most 140 characters.")],
        render_kw={"autocomplete": "off"},
    )

    def validate_tax_id(self, field: PlainField) -> None:
        """A number alone does not say whose it is."""
        if field.data and not self.country.data:
            raise ValidationError("Also choose the country that issued it.")

    @property
    def details(self) -> BillingDetails:
        """What was submitted; an address has the lines that are filled in."""
        return BillingDetails(
            legal_name=self.text("legal_name") or None,
            address={name: self[name].data for name in (*ADDRESS_LINES, "country") if self[name].data},
            tax_id=self.text("tax_id") or None,
            billing_emails=self.billing_emails.addresses,
            order_number=self.text("order_number") or None,
            invoice_note=self.text("invoice_note") or None,
        )
