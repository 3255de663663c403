"""The forms that void an event, and an import."""

from __future__ import annotations

from wtforms.validators import DataRequired

from app.web.forms import LABEL_LENGTH, REASON_LENGTH, PageForm, PlainField


class EventVoidForm(PageForm):
    """The event's id, and why it is voided."""

    event = PlainField("Event ID", [DataRequired("Enter the ID of the event."), LABEL_LENGTH])
    reason = PlainField("Reason", [DataRequired("Enter a reason."), REASON_LENGTH])


class ImportVoidForm(PageForm):
    """Why an import is voided."""

    reason = PlainField("Reason", [DataRequired("Enter a reason."), REASON_LENGTH])
