"""Days that staff type into forms."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from wtforms.form import BaseForm
from wtforms.validators import StopValidation

from app.web.forms import PlainField

_LAST = date(9998, 12, 31)


class DayField(PlainField):
    """A day, or nothing."""

    def __init__(self, label: str, **kwargs: Any) -> None:
        super().__init__(label, render_kw={"type": "date"}, **kwargs)

    @property
    def day(self) -> date | None:
        """The day that was typed; None for nothing and for what is no day."""
        try:
            return date.fromisoformat(self.data or "")
        except ValueError:
            return None

    def pre_validate(self, form: BaseForm) -> None:
        super().pre_validate(form)
        if self.data and self.day is None:
            raise StopValidation("Enter a date such as 2027-01-31.")


def end_of_day(day: date, zone: str) -> datetime:
    """The instant at which a day ends in a zone."""
    return datetime.combine(min(day, _LAST) + timedelta(days=1), time(), ZoneInfo(zone))
