"""What the values of a dimension are called on the usage page. Pure."""

from __future__ import annotations

from app.metering.breakdowns import Part
from app.portal.usage.requests import DIMENSIONS, NO_VALUE
from app.web.filters import quantity


def name_part(dimension: str, part: Part, label: str, values: int) -> str:
    """The row of a value, of the others, or of events that name none."""
    if part == "others":
        return f"{quantity(values)} {'other' if values == 1 else 'others'}"
    return NO_VALUE[dimension] if part == "not given" else name_value(dimension, label)


def name_value(dimension: str, label: str) -> str:
    """A value; an hour as what it spans: "09" is "09:00–10:00"."""
    if dimension == "hour" and label.isdigit():
        return f"{label}:00–{int(label) + 1:02}:00"
    return label


def name_dimension(dimension: str) -> str:
    """A dimension within a sentence: "API key", "kind"."""
    return DIMENSIONS[dimension] if dimension == "key" else DIMENSIONS[dimension].lower()
