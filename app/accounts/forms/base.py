"""What every form shares: plain text fields, addresses in lower case, and passwords worth having."""

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
# Shapes that hide or turn text around: bidirectional overrides and the like, which no name needs.
_TRICKS = {*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"}


class PageForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types; this is the one place that says so
    """A form with its CSRF token."""

    def text(self, name: str) -> str:
        """What a field of text holds; empty when nothing was sent."""
        return str(self[name].data or "")


class PlainField(StringField):
    """One line of text: trimmed, composed (NFC), without control characters. Empty text is None when optional."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        if valuelist:
            self.data = unicodedata.normalize("NFC", valuelist[0]).strip()

    def pre_validate(self, form: BaseForm) -> None:  # noqa: ARG002  # WTForms calls it so
        if any(unicodedata.category(c) in {"Cc", "Cs"} or c in _TRICKS for c in self.data or ""):
            raise StopValidation("This holds characters that are not text.")


class EmailField(PlainField):
    """An e-mail address in lower case."""

    def __init__(self, label: str = "E-mail address", validators: Any = (), **kwargs: Any) -> None:
        valid = Email("Write an e-mail address such as name@example.com.")
        kwargs["render_kw"] = {"type": "email", "spellcheck": "false", **kwargs.get("render_kw", {})}
        super().__init__(label, [NEEDED, Length(max=320), valid, *validators], **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        super().process_formdata(valuelist)
        self.data = (self.data or "").lower()


class NewPassword:
    """Refuses passwords that are short or that an attacker tries first; `fields` hold words of the person."""

    def __init__(self, *fields: str) -> None:
        self.fields = fields

    def __call__(self, form: BaseForm, field: Field) -> None:
        refused = passwords.refusal(field.data or "", *(form[name].data for name in self.fields))
        if refused:
            raise ValidationError(refused)


def new_password_field(label: str, *words: str) -> PasswordField:
    """A field for a password to be set; managers are told so, and paste is left alone."""
    return PasswordField(
        label, [InputRequired("Choose a password."), NewPassword(*words)], render_kw={"autocomplete": "new-password"}
    )


def current_password_field(label: str = "Password") -> PasswordField:
    """A field for a password that is checked."""
    known = {"autocomplete": "current-password"}
    return PasswordField(label, [InputRequired("Write your password.")], render_kw=known)


def offers(pairs: Iterable[tuple[str, str]]) -> list[Any]:
    """The choices of a select, radio or checkbox group, from pairs of value and words."""
    return [SelectChoice(value, words) for value, words in pairs]


class Press(PageForm):
    """A form of a single button."""
