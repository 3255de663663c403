"""Staff's forms about an invoice of ours, and about the terms of an organisation."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from wtforms import HiddenField, IntegerField, SelectField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from app.admin.days import DayField
from app.invoices.offline.models import MOST_DAYS, IssuedInvoice
from app.kit.errors import InvalidRequest
from app.kit.ids import new_id, parse_id
from app.kit.money import exponent, parse_price, to_major, to_minor
from app.payments.models import BillingRecord
from app.payments.offline.record import MOST_REFERENCE, Payment
from app.portal.shell.issued import format_paid_on
from app.statements.wording import format_amount
from app.web.forms import REASON_LENGTH, PageForm, PlainField


class PaymentForm(PageForm):
    """A payment that arrived. `payment_id` is made with the page, so that sending the form twice records one."""

    payment_id = HiddenField("Payment")
    day = DayField("Received on", validators=[DataRequired("Enter the day.")])
    amount = PlainField("Amount", [DataRequired("Enter the amount."), Length(max=30)])
    reference = PlainField("Reference", [DataRequired("Enter the reference."), Length(max=MOST_REFERENCE)])

    def read(self, currency: str) -> Payment | None:
        """What was entered; None, with errors at the fields, if it is no payment."""
        amount, payment_id = self._read_amount(currency), parse_id(self.text("payment_id"))
        if payment_id is None:
            self.form_errors.append("Reload the page and enter the payment again.")
        if amount is None or payment_id is None or self.day.day is None:
            return None
        return Payment(payment_id, self.day.day, amount, self.text("reference"))

    def show(self, refused: InvalidRequest) -> None:
        """Show what was refused at its field."""
        for error in refused.errors:
            self[error.field].errors = [f"This {error.detail}."]

    def _read_amount(self, currency: str) -> int | None:
        places = exponent(currency)
        try:
            minor = to_minor(parse_price(self.text("amount").replace(",", "")), places)
        except ValueError:
            minor = Decimal("0.5")
        if minor != minor.to_integral_value():
            example = f"{to_major(12_345, places):f}"
            self.amount.errors = [f"Enter an amount in {currency} such as {example}."]
            return None
        return int(minor)


class VoidForm(PageForm):
    """Why an invoice is voided."""

    void_reason = PlainField("Why it is void", [DataRequired("Enter a reason."), REASON_LENGTH])


class WriteOffForm(PageForm):
    """Why what is left of an invoice is given up."""

    write_off_reason = PlainField("Why it is written off", [DataRequired("Enter a reason."), REASON_LENGTH])


class ReversalForm(PageForm):
    """The payment that was recorded by mistake, and why it is reversed."""

    reversed_payment = SelectField("Payment", validators=[InputRequired("Choose a payment.")])
    reversal_reason = PlainField("Why it is reversed", [DataRequired("Enter a reason."), REASON_LENGTH])


class TermsForm(PageForm):
    """Within how many days invoices are due."""

    terms_days = IntegerField(
        "Due within (days)",
        [InputRequired("Enter a number of days."), NumberRange(0, MOST_DAYS, f"Enter 0 to {MOST_DAYS} days.")],
    )


def build_reversal_form(issued: IssuedInvoice, payments: Sequence[BillingRecord]) -> ReversalForm | None:
    """The form with the payments that can be reversed; None if there are none."""
    left = [row for row in payments if row.reversed_at is None]
    choices = [(str(row.id), _describe_payment(row, issued.time_zone)) for row in left]
    if not choices:
        return None
    form = ReversalForm()
    form.reversed_payment.choices = choices
    return form


def _describe_payment(row: BillingRecord, zone: str) -> str:
    return f"{format_amount(row.amount, row.currency)}, {format_paid_on(row, zone)}, {row.reference}"


def build_payment_form(issued: IssuedInvoice) -> PaymentForm:
    """The form as the page opens with it: all that is left, under an id of its own."""
    left = f"{to_major(issued.remaining, exponent(issued.currency)):f}"
    return PaymentForm(data={"payment_id": str(new_id()), "amount": left})
