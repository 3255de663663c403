"""Maps the columns of a file to usage events: `--map FIELD=SPEC`, compiled once and applied to every row.

A spec is a column name, a template such as `{model}/{client}`, fixed text after `text:` or, for `meter`, a meter key.
`occurred_at` may be an offset from --start: `+{seconds}s` (units ms, s, m, h, d).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Raw

from app.kit.money import QUANTITY
from app.metering.imports.csv_rows import LineError
from app.metering.schemas import Event

COUNTS = ("status_code", "response_ms", "file_bytes")
LABELS = ("kind", "provider", "endpoint", "language", "format", "user", "client", "job")
FIELDS = ("org", "meter", "quantity", "occurred_at", *LABELS, *COUNTS)
REQUIRED = ("org", "meter", "occurred_at")
NO_ID = "-"
UNITS = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}

_PLACE = re.compile(r"\{([^{}]+)\}")
_OFFSET = re.compile(r"\+(?P<amount>.+?)(?P<unit>ms|s|m|h|d)\Z", re.DOTALL)
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?\Z", re.ASCII)
_BEYOND_MICROSECONDS = re.compile(r"(\.[0-9]{6})[0-9]+")

Getter = Callable[[Any], str]


class MappingError(Exception):
    """Invalid options; the message names them."""


@dataclass(frozen=True)
class Spec:
    """The options as given. Together with the file's digest they identify an import.

    `source` tells equal lines of different use apart (`metering.imports.line_ids`); it is '' unless one was given.
    """

    fields: dict[str, str]
    start: datetime | None = None
    id: str | None = None
    source: str = ""

    @classmethod
    def parse(cls, maps: Sequence[str], start: str | None, id_template: str | None, source: str | None = None) -> Spec:
        """Parse `--map`, `--start`, `--id` and `--source`. Raises `MappingError`."""
        if id_template and source is not None:
            raise MappingError("--source names the ids that --id replaces; give one of them")
        fields: dict[str, str] = {}
        for given in maps:
            name, equals, spec = given.partition("=")
            if not equals or not spec:
                raise MappingError(f"--map {given}: write FIELD=COLUMN, such as quantity=requests")
            if name not in FIELDS:
                raise MappingError(f"--map {given}: no field {name!r}; the fields are {', '.join(FIELDS)}")
            if name in fields:
                raise MappingError(f"--map {given}: {name} is mapped twice")
            fields[name] = spec
        missing = [name for name in REQUIRED if name not in fields]
        if missing:
            raise MappingError(f"--map is missing for {', '.join(missing)}")
        return cls(fields, _start(start), id_template, source or "")


class Mapping:
    """A spec compiled for the columns of a file (None for JSON lines, where every line has its own)."""

    def __init__(self, spec: Spec, columns: Sequence[str] | None) -> None:
        self._columns = columns
        self._places = {name: place for place, name in enumerate(columns)} if columns is not None else None
        offset = _OFFSET.match(spec.fields["occurred_at"])
        if offset and spec.start is None:
            raise MappingError("--start is missing: occurred_at is an offset from it")
        if spec.start is not None and not offset:
            raise MappingError("--start: occurred_at is not an offset from it; write it as +{column}s")
        self._start = spec.start
        self._unit = UNITS[offset["unit"]] if offset else 0
        fields = {**spec.fields, "occurred_at": offset["amount"] if offset else spec.fields["occurred_at"]}
        self._getters = {name: self._getter(f"--map {name}={given}", name, given) for name, given in fields.items()}
        self._org = self._getters.pop("org")
        self._at = self._getters.pop("occurred_at")
        self._id = self._getter(f"--id {spec.id}", "id", spec.id) if spec.id else None

    def read(self, row: Any) -> tuple[str, Event]:
        """Convert a row to the org's name (or id) and an event. Raises `LineError`.

        Without `--id`, the event's id is `NO_ID`.
        """
        values = {name: getter(row) for name, getter in self._getters.items()}
        org = self._org(row)
        if not org:
            raise LineError("org is empty")
        _check_text("".join((org, *values.values())))
        quantity = values.pop("quantity", "1")
        if not QUANTITY.match(quantity):
            raise LineError(_bad_quantity(quantity))
        fields: dict[str, Any] = {name: value for name, value in values.items() if value}
        fields["occurred_at"] = self._time(self._at(row))
        fields["id"] = self._id(row) if self._id else NO_ID
        for name in COUNTS:
            if name in fields:
                fields[name] = _count(name, fields[name])
        return org, _event(fields, quantity)

    def _time(self, text: str) -> datetime:
        if self._start is None:
            return _instant(text)
        if not _NUMBER.match(text):
            raise LineError(f"occurred_at: {_shown(text)} is not a number to add to --start")
        try:
            return self._start + timedelta(microseconds=int(Decimal(text) * self._unit))
        except OverflowError:
            raise LineError(f"occurred_at: {_shown(text)} lies outside the calendar") from None

    def _getter(self, option: str, field: str, given: str) -> Getter:
        """Build the function that reads a field's text from a row."""
        if given.startswith("text:"):
            return _fixed(given.removeprefix("text:"))
        if "{" in given:
            return self._template(option, given)
        if self._places is not None and given not in self._places:
            if field == "meter":
                return _fixed(given)
            raise MappingError(
                f"{option}: the file has no column {given!r}; it has {', '.join(self._columns or ())}."
                " For fixed text write text:…"
            )
        if self._places is None and field == "meter":
            return _column(given, given, otherwise=given)
        if self._places is None and field in LABELS + COUNTS:
            return _column(given, given, otherwise="")  # JSON objects may omit keys
        return self._column(given)

    def _column(self, name: str) -> Getter:
        return _column(name, name if self._places is None else self._places[name])

    def _template(self, option: str, given: str) -> Getter:
        parts = _PLACE.split(given)  # text, column, text, column, ..., text
        if any(character in text for text in parts[::2] for character in "{}"):
            raise MappingError(f"{option}: unbalanced brace; write {{column}}")
        for name in parts[1::2]:
            if self._places is not None and name not in self._places:
                raise MappingError(
                    f"{option}: the file has no column {name!r}; it has {', '.join(self._columns or ())}"
                )
        getters = [self._column(part) if place % 2 else _fixed(part) for place, part in enumerate(parts) if part]
        if len(getters) == 1:
            return getters[0]
        return lambda row: "".join([getter(row) for getter in getters])


def _fixed(text: str) -> Getter:
    return lambda _: text


def _column(name: str, place: Any, otherwise: str | None = None) -> Getter:
    """Read a column by position (CSV) or by name (JSON lines); empty and null are ''."""

    def get(row: Any) -> str:
        try:
            value = row[place]
        except LookupError:
            if otherwise is not None:
                return otherwise
            raise LineError(f"column {name!r} is missing") from None
        if value is None:
            return ""
        if not isinstance(value, str):
            raise LineError(f"column {name!r} is neither text nor a number")
        return value

    return get


def _check_text(text: str) -> None:
    """Reject NUL characters and invalid encodings."""
    if "\x00" in text:
        raise LineError("contains NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LineError("is not UTF-8 text") from None


def _event(fields: dict[str, Any], quantity: str) -> Event:
    try:
        event = msgspec.convert(fields, Event)
    except msgspec.ValidationError as error:
        raise LineError(str(error).replace("$.", "")) from None
    event.quantity = Raw(quantity.encode())
    return event


def _bad_quantity(text: str) -> str:
    if not text:
        return "quantity is empty"
    if re.fullmatch(r"[0-9]+,[0-9]{1,6}", text, re.ASCII):
        return f"quantity {_shown(text)} has a comma; write {text.replace(',', '.')} or, for thousands, no comma at all"
    return f"quantity {_shown(text)} is not a decimal below 10^15 with at most 6 places"


def _count(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise LineError(f"{name} {_shown(text)} is not a whole number")
    return int(text[:20])


@lru_cache(maxsize=4096)
def _instant(text: str) -> datetime:
    """Parse an ISO 8601 time. UTC when there is no offset; digits beyond microseconds are dropped."""
    try:
        at = datetime.fromisoformat(_BEYOND_MICROSECONDS.sub(r"\1", text))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise LineError(f"occurred_at: {_shown(text)} is not a time such as 2026-10-25T00:00:00Z") from None


def _start(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return _instant(text)
    except LineError:
        raise MappingError(f"--start {text}: write a time such as 2026-10-25T00:00:00Z") from None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
