"""The forms that check a draft of a plan and publish it."""

from __future__ import annotations

from typing import Any

from wtforms import IntegerField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length
from wtforms.widgets import HiddenInput

from app.admin.plan_versions.drafting import MOST_TEXT
from app.web.forms import PageForm

_LENGTH = Length(max=MOST_TEXT, message=f"Use at most {MOST_TEXT:,} characters.")


class _TomlField(TextAreaField):
    """Text with line breaks as a file has them; browsers send others."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        if valuelist:
            self.data = valuelist[0].replace("\r\n", "\n")


class _HiddenTomlField(_TomlField):
    """The same, carried along unseen."""

    widget = HiddenInput()


class DraftForm(PageForm):
    """The plan as TOML."""

    toml = _TomlField("Plan as TOML", [DataRequired("Enter the plan."), _LENGTH])


class PublishForm(PageForm):
    """What was checked, and the version that was the newest then."""

    toml = _HiddenTomlField("Plan as TOML", [DataRequired(), _LENGTH])
    after = IntegerField("Newest version", [InputRequired()])
