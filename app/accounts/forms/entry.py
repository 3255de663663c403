"""The forms for getting in: sign-up, sign-in, password reset, invitation."""

from __future__ import annotations

from app.accounts.forms.passwords import KnownWords, current_password_field, new_password_field
from app.web.forms import NAME_LENGTH, NEEDED, EmailField, PageForm, PlainField


class SignUpForm(PageForm):
    """A new user; their personal org is named after them."""

    name = PlainField("Your name", [NEEDED, NAME_LENGTH], render_kw={"autocomplete": "name"})
    email = EmailField(render_kw={"autocomplete": "email"})
    password = new_password_field("Password", "name", "email")


class SignInForm(PageForm):
    """Email address and password."""

    email = EmailField(render_kw={"autocomplete": "username"})
    password = current_password_field()


class AddressForm(PageForm):
    """An address to send a link to."""

    email = EmailField(render_kw={"autocomplete": "email"})


class NewPasswordForm(KnownWords):
    """A new password, set with an emailed link."""

    password = new_password_field("New password")


class ConfirmPasswordForm(PageForm):
    """Asks for the password again before a sensitive action."""

    password = current_password_field()


class JoinForm(KnownWords):
    """Accepts an invitation and creates the account."""

    name = PlainField("Your name", [NEEDED, NAME_LENGTH], render_kw={"autocomplete": "name"})
    password = new_password_field("Password", "name")
