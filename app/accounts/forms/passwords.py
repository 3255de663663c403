"""Password fields: a new one that is not easy to guess, and the current one."""

from __future__ import annotations

from typing import Self

from wtforms import Field, PasswordField
from wtforms.form import BaseForm
from wtforms.validators import DataRequired, ValidationError

from app.accounts.sign_in import password_rules
from app.web.forms import PageForm


class KnownWords(PageForm):
    """A form with a new password that has none of the user's own words in it."""

    known_words: tuple[str | None, ...] = ()

    def knowing(self, *words: str | None) -> Self:
        """Count these words as easy to guess."""
        self.known_words = words
        return self


class NewPassword:
    """Rejects passwords that are short or easy to guess; `fields` name those with the user's own words.

    A form's `known_words` are what else an attacker knows: the address, the name, the organisations.
    """

    def __init__(self, *fields: str) -> None:
        self.fields = fields

    def __call__(self, form: BaseForm, field: Field) -> None:
        words = (form[name].data for name in self.fields)
        problem = password_rules.find_problem(field.data or "", *words, *getattr(form, "known_words", ()))
        if problem:
            raise ValidationError(problem)


def new_password_field(label: str, *words: str) -> PasswordField:
    """A field for setting a password; password managers offer to generate one."""
    return PasswordField(
        label, [DataRequired("Choose a password."), NewPassword(*words)], render_kw={"autocomplete": "new-password"}
    )


def current_password_field(label: str = "Password") -> PasswordField:
    """A field for a password that is checked against the stored one."""
    autocomplete = {"autocomplete": "current-password"}
    return PasswordField(label, [DataRequired("Enter your password.")], render_kw=autocomplete)
