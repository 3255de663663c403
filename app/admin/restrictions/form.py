"""The staff page's form for lifting a restriction."""

from __future__ import annotations

from wtforms.validators import DataRequired

from app.admin.days import DayField
from app.web.forms import REASON_LENGTH, PageForm, PlainField


class RestrictionForm(PageForm):
    """Until when a restriction is lifted, and why."""

    lift_until = DayField("Lifted until and including")
    lift_reason = PlainField("Reason", [DataRequired("Enter a reason."), REASON_LENGTH])
