"""Sample data for the style guide (/docs/style), which shows every component in all its states."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, Form, PasswordField, RadioField, SelectField, StringField, TextAreaField, validators

from app.web import charts
from app.web.charts import ChartTotal, RunningChart, draw_running_chart

RESET = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
ZONE = "Europe/Berlin"
# Any: the published WTForms types are a release behind and accept only pairs, which WTForms has deprecated.
_ZONES: Any = ["UTC", ZONE]
_ROLES: Any = ["Admin", "Viewer"]


class SpecimenForm(Form):
    """One field of each kind."""

    email = StringField("Email address", [validators.Email("Enter an address such as name@example.com.")])
    password = PasswordField("Password", [validators.Length(min=12, message="Use at least 12 characters.")])
    zone = SelectField("Time zone", choices=_ZONES)
    role = RadioField(
        "Role",
        choices=_ROLES,
    )
    note = TextAreaField("Note")
    terms = BooleanField("Send me a summary each month")


@dataclass(frozen=True)
class BarSpecimen:
    """The arguments of one meter_bar."""

    key: str
    name: str
    unit: str
    used: Decimal
    limit: Decimal | None
    percent: int
    state: str
    policy: str
    forecast: str | None = None
    reserved: Decimal = Decimal(0)
    reserved_percent: int = 0


def _bars() -> list[BarSpecimen]:
    full, bill = "Refused at 100 %.", "Above 50,000, each call costs $0.01."
    number = Decimal
    return [
        BarSpecimen("calls", "API calls", "calls", number(8200), number(20000), 41, "ok", bill,
                    reserved=number(1200), reserved_percent=6),
        BarSpecimen("minutes", "Minutes", "minutes", number("985.5"), number(1200), 82, "near", full,
                    "Full around Tuesday 24 Nov, 14:00"),
        BarSpecimen("exports", "Exports", "exports", number(191), number(200), 95, "high", full, "Full by tomorrow"),
        BarSpecimen("sessions", "Sessions", "sessions", number(100), number(100), 100, "full", full),
        BarSpecimen("documents", "Documents", "documents", number(56000), number(50000), 112, "over",
                    "6,000 above the allowance, at $0.01 each."),
        BarSpecimen("tokens", "Tokens", "tokens", number(12345678), None, 0, "unlimited", "Never refused, at no cost."),
    ]  # fmt: skip


def _form(*, wrong: bool) -> SpecimenForm:
    sent = {"email": "nobody" if wrong else "ada@example.com", "password": "short", "zone": ZONE, "role": "Viewer"}  # nosec B105  # a specimen
    form = SpecimenForm(MultiDict(sent), prefix="wrong-" if wrong else "")
    if wrong:
        form = SpecimenForm(MultiDict({f"wrong-{name}": value for name, value in sent.items()}), prefix="wrong-")
        form.validate()
    return form


def _charts() -> tuple[charts.Chart, charts.Chart]:
    days = [date(2026, 11, 1) + timedelta(days=i) for i in range(30)]
    labels = [f"{day.day} Nov" for day in days]
    calls = [Decimal(400 + (i * 137) % 260 + (250 if i % 7 < 5 else 0)) for i in range(21)] + [Decimal(0)] * 9
    retries = [value // 5 for value in calls]
    columns = [charts.Series("original", calls, 1), charts.Series("rerun", retries, 2)]
    total = [sum(calls[: i + 1], Decimal(0)) for i in range(30)]
    before = [value * 9 // 10 for value in total]
    return (
        charts.bars(labels, columns, marks=[21]),
        charts.lines(labels, [charts.Series("this period", total, 1), charts.Series("before", before, 6)], area=True),
    )


def _ahead() -> RunningChart:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    day = timedelta(days=1)
    past = [ChartTotal(start + i * day, Decimal(530 * i)) for i in range(21)]
    ahead = [
        ChartTotal(start + i * day, Decimal(530 * i), Decimal(470 * i + 1200), Decimal(590 * i - 1200))
        for i in range(20, 31)
    ]
    meeting = start + timedelta(days=26, hours=10)
    return draw_running_chart(
        past,
        ahead,
        end=start + 30 * day,
        limit=(Decimal(14_000), "Limit 14,000"),
        meeting=(meeting, "27 November"),
        labels=[(start + i * day, f"{i + 1} Nov") for i in range(0, 29, 4)],
        rows=[
            ["Now", past[-1].total, None, None, None],
            ["30 Nov", None, ahead[-1].total, ahead[-1].low, ahead[-1].high],
        ],
    )


def _waterfall() -> charts.Chart:
    moved = (("Start", 9800, 1), ("New", 4900, 2), ("Expansion", 3000, 2), ("Churn", -1900, 3), ("End", 15800, 1))
    return charts.waterfall(
        [charts.WaterfallStep(name, Decimal(value), f"{value:,}", tone, total=tone == 1) for name, value, tone in moved]
    )


def build_specimens() -> dict[str, Any]:
    """The context of templates/docs/style.html."""
    columns, running = _charts()
    return {
        "bars": _bars(),
        "resets_at": RESET,
        "zone": ZONE,
        "form": _form(wrong=False),
        "wrong_form": _form(wrong=True),
        "columns": columns,
        "running": running,
        "ahead": _ahead(),
        "steps": _waterfall(),
        "start": date(2026, 11, 1),
        "end": date(2026, 11, 30),
        "unit_amount": Decimal("0.001"),
        "sample_now": datetime(2026, 11, 21, 12, 0, tzinfo=UTC),
    }
