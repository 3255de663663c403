"""What every form of a page is made of: plain text, lower-case email addresses, and one rule for what is empty."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from werkzeug.datastructures import CombinedMultiDict
from wtforms import StringField, TextAreaField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined]  # the stubs are of 3.2, before it
from wtforms.form import BaseForm
from wtforms.validators import DataRequired, Email, Length, StopValidation

from app.kit.fields import MOST_LABEL, MOST_NAME, MOST_REASON
from app.kit.text import hides_characters

NAME_LENGTH, LABEL_LENGTH, REASON_LENGTH = (
    Length(max=most, message=f"Use at most {most} characters.") for most in (MOST_NAME, MOST_LABEL, MOST_REASON)
)
EMPTY = "Please fill this in."
NEEDED = DataRequired(EMPTY)  # judges what is left after trimming, as the database does
# Initials of the categories that alone show nothing: separators, marks, and formats such as a zero-width space.
_INVISIBLE = frozenset("CMZ")


class PageForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types; this is the one place that says so
    """A form with its CSRF token. No form of ours takes files, so an uploaded file counts as nothing sent."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]  # as above
        """What WTForms asks a form about itself."""

        def wrap_formdata(self, form: BaseForm, formdata: Any) -> Any:
            wrapped = super().wrap_formdata(form, formdata)
            return request.form if isinstance(wrapped, CombinedMultiDict) else wrapped

    def text(self, name: str) -> str:
        """The value of a text field; empty if nothing was submitted."""
        return str(self[name].data or "")


class PlainField(StringField):
    """One line of text: trimmed, normalised (NFC), with something to see and nothing hidden."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        if valuelist:
            self.data = unicodedata.normalize("NFC", valuelist[0]).strip()

    def pre_validate(self, form: BaseForm) -> None:  # noqa: ARG002  # WTForms calls it so
        _check_plain(self.data or "", hides_characters(self.data or ""))


class PlainTextField(TextAreaField):
    """Several lines of text: trimmed, normalised (NFC), with something to see and nothing hidden."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        if valuelist:
            lines = unicodedata.normalize("NFC", valuelist[0]).replace("\r\n", "\n").replace("\t", "    ").split("\n")
            self.data = "\n".join(line.rstrip() for line in lines).strip("\n")

    def pre_validate(self, form: BaseForm) -> None:  # noqa: ARG002  # WTForms calls it so
        text = self.data or ""
        _check_plain(text, any(hides_characters(line) for line in text.split("\n")))


def _check_plain(text: str, hides: bool) -> None:
    if text and all(unicodedata.category(character)[0] in _INVISIBLE for character in text):
        raise StopValidation(EMPTY)
    if hides:
        raise StopValidation("This contains characters that are not allowed.")


class EmailField(PlainField):
    """An email address in lower case."""

    def __init__(self, label: str = "Email address", validators: Any = (), **kwargs: Any) -> None:
        valid = Email("Enter an email address such as name@example.com.")
        kwargs["render_kw"] = {"type": "email", "spellcheck": "false", **kwargs.get("render_kw", {})}
        super().__init__(label, [NEEDED, Length(max=320), valid, *validators], **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        super().process_formdata(valuelist)
        self.data = (self.data or "").lower()


def choices_from(pairs: Iterable[tuple[str, str]]) -> list[Any]:
    """The choices of a select, radio or checkbox group, from pairs of value and label."""
    return [SelectChoice(value, label) for value, label in pairs]


class ButtonForm(PageForm):
    """A form with nothing but a button."""
