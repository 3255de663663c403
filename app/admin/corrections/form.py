"""The form that voids an event."""

from __future__ import annotations

from wtforms.validators import DataRequired

from app.web.forms import LABEL_LENGTH, REASON_LENGTH, PageForm, PlainField


class EventVoidForm(PageForm):
    """The event's id, and why it is voided."""

    event = PlainField("Event ID", [DataRequired("Enter the ID of the event."), LABEL_LENGTH])
    reason = PlainField("Reason", [DataRequired("Enter a reason."), REASON_LENGTH])
