"""The form that starts a move."""

from __future__ import annotations

from wtforms import BooleanField, IntegerField
from wtforms.validators import DataRequired, InputRequired
from wtforms.widgets import HiddenInput

from app.web.forms import REASON_LENGTH, PageForm, PlainField


class MoveForm(PageForm):
    """The reason, and how many organisations were shown."""

    reason = PlainField("Reason", [DataRequired("Enter a reason."), REASON_LENGTH])
    confirmed = BooleanField("Move these organisations and tell them", [DataRequired("Tick this to move them.")])
    orgs = IntegerField("Organisations", [InputRequired()], widget=HiddenInput())
