"""Shared form fields: plain text, lower-case email addresses, and passwords that are not easy to guess."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field, PasswordField, StringField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined]  # the stubs are of 3.2, before it
from wtforms.form import BaseForm
from wtforms.validators import Email, InputRequired, Length, StopValidation, ValidationError

from app.accounts.sign_in import passwords

NAME_LENGTH = Length(max=200, message="Use at most 200 characters.")
NEEDED = InputRequired("Please fill this in.")
# Bidirectional overrides and the like, which hide or reorder text and which no name needs.
_HIDDEN_MARKS = {*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"}


class PageForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types; this is the one place that says so
    """A form with its CSRF token."""

    def text(self, name: str) -> str:
        """The value of a text field; empty if nothing was submitted."""
        return str(self[name].data or "")


class PlainField(StringField):
    """One line of text: trimmed, normalised (NFC), without control characters. Empty text is None if optional."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        if valuelist:
            self.data = unicodedata.normalize("NFC", valuelist[0]).strip()

    def pre_validate(self, form: BaseForm) -> None:  # noqa: ARG002  # WTForms calls it so
        if any(unicodedata.category(c) in {"Cc", "Cs"} or c in _HIDDEN_MARKS for c in self.data or ""):
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


class NewPassword:
    """Rejects passwords that are short or easy to guess; `fields` name those with the user's own words."""

    def __init__(self, *fields: str) -> None:
        self.fields = fields

    def __call__(self, form: BaseForm, field: Field) -> None:
        problem = passwords.find_problem(field.data or "", *(form[name].data for name in self.fields))
        if problem:
            raise ValidationError(problem)


def new_password_field(label: str, *words: str) -> PasswordField:
    """A field for setting a password; password managers offer to generate one."""
    return PasswordField(
        label, [InputRequired("Choose a password."), NewPassword(*words)], render_kw={"autocomplete": "new-password"}
    )


def current_password_field(label: str = "Password") -> PasswordField:
    """A field for a password that is checked against the stored one."""
    autocomplete = {"autocomplete": "current-password"}
    return PasswordField(label, [InputRequired("Enter your password.")], render_kw=autocomplete)


def choices_from(pairs: Iterable[tuple[str, str]]) -> list[Any]:
    """The choices of a select, radio or checkbox group, from pairs of value and label."""
    return [SelectChoice(value, label) for value, label in pairs]


class ButtonForm(PageForm):
    """A form with nothing but a button."""
