"""The staff page's form for lifting a restriction."""

from __future__ import annotations

from wtforms.validators import DataRequired, Length

from app.admin.days import DayField
from app.subscriptions.payment_restriction import MOST_REASON
from app.web.forms import PageForm, PlainField


class RestrictionForm(PageForm):
    """Until when a restriction is lifted, and why."""

    lift_until = DayField("Lifted until and including")
    lift_reason = PlainField("Reason", [DataRequired("Enter a reason."), Length(max=MOST_REASON)])
