"""The forms that void an event, and an import."""

from __future__ import annotations

from wtforms.validators import DataRequired, Length

from app.web.forms import PageForm, PlainField


class EventVoidForm(PageForm):
    """The event's id, and why it is voided."""

    event = PlainField("Event ID", [DataRequired("Enter the ID of the event."), Length(max=255)])
    reason = PlainField("Reason", [DataRequired("Enter a reason."), Length(max=500)])


class ImportVoidForm(PageForm):
    """Why an import is voided."""

    reason = PlainField("Reason", [DataRequired("Enter a reason."), Length(max=500)])
