"""The staff page's form for an override: its choices, and what it says as a `NewOverride`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Row
from wtforms import BooleanField, SelectField
from wtforms.validators import DataRequired, InputRequired, Length

from app.admin.days import DayField, end_of_day
from app.kit.errors import InvalidRequest
from app.portal.shell.agreed import METER_KINDS, describe_what
from app.statements.comparison import LIMIT_NAMES
from app.statements.current_usage import CurrentUsage
from app.subscriptions.overrides.keys import parse_key
from app.subscriptions.overrides.service import NewOverride
from app.web.forms import REASON_LENGTH, PageForm, PlainField

_KINDS = {**{kind: words for kind, words in METER_KINDS.items() if kind != "charge"},
          "limit": "Limit of the organisation", "feature": "Feature"}  # fmt: skip
_UNLIMITED = "unlimited"
_GROUPS = {"limit": "limit", "feature": "feature"}
_QUANTITY = "Enter a quantity such as 80000, or “unlimited”."
_HELP = {
    "policy": "Enter block, charge or warn.",
    "overage_price": "Enter a price per unit such as 0.001.",
    "feature": "Enter yes, no, a whole number, a text of at most 200 characters, or a list with commas.",
}
_FIELDS = {"key": "override_subject", "reason": "override_reason", "ends_at": "override_until"}


class OverrideForm(PageForm):
    """What is agreed, for which meter, limit or feature, why and until when."""

    override_kind = SelectField("What", validators=[InputRequired("Choose what is agreed.")])
    override_subject = SelectField("For", validators=[InputRequired("Choose what it is for.")])
    override_value = PlainField("Value", [DataRequired("Enter a value."), Length(max=1000)])
    override_reason = PlainField("Reason", [DataRequired("Enter a reason."), REASON_LENGTH])
    override_until = DayField("Until and including")
    override_stays = BooleanField("Keep after a plan change")

    def read(self, zone: str, features: Sequence[Row[Any]]) -> NewOverride | None:
        """What the form says; None if a field says what cannot be, and then has its error."""
        kind, (group, _, name) = str(self.override_kind.data), str(self.override_subject.data).partition(":")
        if group != _GROUPS.get(kind, "meter"):
            self.override_subject.errors = [f"Choose a {_GROUPS.get(kind, 'meter')} for “{_KINDS[kind]}”."]
            return None
        until = self.override_until.day
        is_list = kind == "feature" and any(row.key == name and row.is_list for row in features)
        return NewOverride(
            key=f"{kind}:{name}",
            value=_parse_value(kind, self.text("override_value"), is_list=is_list),
            reason=self.text("override_reason"),
            ends_at=None if until is None else end_of_day(until, zone),
            stays=bool(self.override_stays.data),
        )

    def name_what(self, given: NewOverride) -> str:
        """Name what is agreed, as the page's list does."""
        groups = cast("dict[str, list[tuple[str, str]]]", self.override_subject.choices)
        labels = {value: label for group in groups.values() for value, label in group}
        return describe_what(parse_key(given.key), labels.get(str(self.override_subject.data)))

    def show(self, refused: InvalidRequest) -> None:
        """Put the errors of a refusal beside their fields; an error in a value is one of its text."""
        for error in refused.errors:
            field = self[_FIELDS.get(error.field, "override_value")]
            words = _HELP.get(str(self.override_kind.data), _QUANTITY)
            field.errors = [words if field is self.override_value else f"This {error.detail}."]


def build_override_form(usage: CurrentUsage, features: Sequence[Row[Any]]) -> OverrideForm:
    """Build the form with its choices: the kinds, and the meters, limits and features that there are."""
    form = OverrideForm()
    form.override_kind.choices = list(_KINDS.items())
    groups: Mapping[str, list[tuple[str, str]]] = {
        "Meters": [(f"meter:{meter.key}", meter.name) for meter in usage.meters],
        "Limits": [(f"limit:{key}", name) for key, name in LIMIT_NAMES.items()],
        "Features": [(f"feature:{row.key}", row.label) for row in features],
    }
    form.override_subject.choices = {name: choices for name, choices in groups.items() if choices}
    return form


def _parse_value(kind: str, words: str, *, is_list: bool) -> Any:
    if kind == "feature":
        return _parse_feature(words, is_list=is_list)
    if kind in {"policy", "overage_price"}:
        return words.lower()
    return None if words.lower() == _UNLIMITED else words.replace(",", "")


def _parse_feature(words: str, *, is_list: bool) -> Any:
    if is_list or "," in words:
        return [item for part in words.split(",") if (item := part.strip())]
    if words.lower() in {"yes", "no"}:
        return words.lower() == "yes"
    return int(words) if re.fullmatch(r"[0-9]{1,15}", words) else words
