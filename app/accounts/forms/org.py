"""The forms of an organisation: settings, members, invitations, keys, clients."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from zoneinfo import available_timezones

from wtforms import BooleanField, HiddenField, SelectField, SelectMultipleField
from wtforms.validators import InputRequired, Optional, ValidationError

from app.accounts.auth_models import ApiKey
from app.accounts.roles import MEMBER, ORG_SCOPES, ROLES
from app.web.forms import LABEL_LENGTH, NAME_LENGTH, NEEDED, EmailField, PageForm, PlainField, choices_from

EXPIRIES = {
    "30": ("In 30 days", timedelta(days=30)),
    "90": ("In 90 days", timedelta(days=90)),
    "365": ("In a year", timedelta(days=365)),
    "never": ("Never", None),
}
_AREAS = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


def time_zones() -> list[str]:
    """List UTC and the IANA time zones that are named after a place."""
    return ["UTC", *sorted(zone for zone in available_timezones() if zone.startswith(_AREAS))]


class OrgForm(PageForm):
    """What an organisation is called, and how it works. Whom invoices are made out to is in `billing_details`."""

    name = PlainField("Name", [NEEDED, NAME_LENGTH], render_kw={"autocomplete": "organization"})
    time_zone = SelectField("Time zone", validators=[NEEDED])
    clients_listed_only = BooleanField("Clients: listed only")

    def offer_zones(self, current: str) -> OrgForm:
        """Fill the list of time zones; the current one is always listed."""
        zones = time_zones()
        choices = zones if current in zones else [current, *zones]
        self.time_zone.choices = choices_from((zone, zone.replace("_", " ")) for zone in choices)
        return self


class InviteForm(PageForm):
    """An address to invite, and the role to give it."""

    email = EmailField(render_kw={"autocomplete": "off"})
    role = SelectField("Role", choices=choices_from((role, role.capitalize()) for role in ROLES), default=MEMBER)


class RoleForm(PageForm):
    """Changes a member's role."""

    role = SelectField("Role", choices=choices_from((role, role.capitalize()) for role in ROLES))


class RemoveMemberForm(PageForm):
    """Which of a member's API keys end with their membership: all, unless a box is cleared."""

    keys = SelectMultipleField("Revoke the API keys that this member created")

    def offer(self, keys: Iterable[ApiKey]) -> RemoveMemberForm:
        """Offer these keys; all of them are chosen in a form that nobody has filled in."""
        self.keys.choices = choices_from((str(key.id), f"{key.name} ({key.prefix}…{key.last4})") for key in keys)
        if self.keys.raw_data is None:
            self.keys.data = [choice.value for choice in self.keys.choices]
        return self


class LabelForm(PageForm):
    """The host product's own id for a member."""

    external_id = PlainField("ID in your product", [Optional(), LABEL_LENGTH], render_kw={"autocomplete": "off"})


class KeyForm(PageForm):
    """A new API key. `once` is the form's id, so that sending it twice creates one key."""

    once = HiddenField()
    name = PlainField("Name", [NEEDED, NAME_LENGTH], render_kw={"autocomplete": "off"})
    scopes = SelectMultipleField(
        "Scopes",
        choices=choices_from((scope, f"{label} ({scope})") for scope, label in ORG_SCOPES.items()),
        default=["usage:write", "usage:read"],
        validators=[InputRequired("Choose at least one scope.")],
    )
    expires = SelectField(
        "Expires", choices=choices_from((value, label) for value, (label, _) in EXPIRIES.items()), default="365"
    )


class RevokeForm(PageForm):
    """The name of the key, typed to confirm the choice."""

    name = PlainField("Name of the key", [NEEDED], render_kw={"autocomplete": "off"})

    def expect_name(self, name: str) -> RevokeForm:
        """Set the name that must be typed."""
        self._expected = name
        return self

    def validate_name(self, field: PlainField) -> None:
        if field.data != self._expected:
            raise ValidationError("This is not the name of the key. Nothing was revoked.")


class ClientForm(PageForm):
    """A new client."""

    ref = PlainField("Reference", [NEEDED, LABEL_LENGTH], render_kw={"autocomplete": "off", "spellcheck": "false"})
    name = PlainField("Name", [NEEDED, NAME_LENGTH], render_kw={"autocomplete": "off"})


class ClientNameForm(PageForm):
    """Renames a client."""

    name = PlainField("Name", [NEEDED, NAME_LENGTH], render_kw={"autocomplete": "off"})
