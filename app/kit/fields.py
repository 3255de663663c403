r"""Field types shared by the API structs of several rooms.

Patterns are Python's and end in `\Z`, because Python's `$` also matches before a final line break. The OpenAPI document
translates `\Z` to `$`, which means the very end in ECMA-262.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Raw

from app.kit.money import QUANTITY

_MISMATCH = re.compile(r"Expected `str` matching regex (?P<shown>'.*'|\".*\")(?= - at `|$)", re.DOTALL)
_NO_TIME = re.compile("Invalid RFC3339 encoded datetime")
_NO_ZONE = re.compile("Expected `datetime` with a timezone component")
_TIME = "Expected a time with its offset, such as 2026-11-01T00:00:00Z or 2026-11-01T02:00:00+02:00"
_words: dict[str, str] = {}


def matching(pattern: str, words: str) -> Meta:
    """Build a constraint on text. `words` say in an error what the pattern asks for; nobody is shown a pattern."""
    _words[repr(pattern)] = words
    return Meta(pattern=pattern)


def describe_mismatch(message: str) -> str:
    """Reword one of msgspec's error messages: words in the place of a pattern, and what to send for a time."""
    worded = _MISMATCH.sub(lambda found: f"Expected {_words.get(found['shown'], 'another form')}", message)
    return _NO_ZONE.sub(_TIME, _NO_TIME.sub(_TIME, worded))


Instant = Annotated[datetime, Meta(tz=True)]
MOST_NAME, MOST_LABEL, MOST_REASON = 200, 255, 500
"""Characters of a name or one line, of an id or label that the host chooses, and of the reason for an act of staff."""
ShortText = Annotated[str, Meta(min_length=1, max_length=MOST_NAME)]
Label = Annotated[str, Meta(min_length=1, max_length=MOST_LABEL)]
Reason = Annotated[str, Meta(min_length=1, max_length=MOST_REASON)]
SignedText = Annotated[str, Meta(min_length=1, max_length=4000)]
CurrencyCode = Annotated[str, matching(r"^[A-Z]{3}\Z", "three capital letters, such as USD")]
# True is the default in JSON Schema, but without it TypeScript generators produce an empty object.
_OBJECT = {"type": "object", "additionalProperties": True}
FreeObject = Annotated[dict[str, Any], Meta(extra_json_schema=_OBJECT)]
RawObject = Annotated[Raw, Meta(extra_json_schema=_OBJECT)]
RawObjectOrNull = Annotated[Raw, Meta(extra_json_schema={"anyOf": [_OBJECT, {"type": "null"}]})]

# A value of any type, kept raw so that `web.json.decode_value` reads its numbers exactly.
AnyValue = Annotated[Raw, Meta(extra_json_schema={"description": "Any JSON value."})]

_RULE = "decimal below 10^15 with at most 6 places and no exponent, as text or as a JSON number."
_NUMBER = {"type": "number", "minimum": 0, "exclusiveMaximum": 10**15}
_TEXT = {"type": "string", "pattern": f"^{QUANTITY.pattern}"}
_SIGNED_NUMBER = {"type": "number", "exclusiveMinimum": -(10**15), "exclusiveMaximum": 10**15}
_SIGNED_TEXT = {"type": "string", "pattern": f"^-?{QUANTITY.pattern}"}

# Quantities stay raw bytes until `kit.money.parse_quantity`, so a JSON number never becomes a float.
Quantity = Annotated[Raw, Meta(description=f"A {_RULE}", extra_json_schema={"anyOf": [_NUMBER, _TEXT]})]
QuantityOrOne = Annotated[Quantity, Meta(extra_json_schema={"default": 1})]
SignedQuantity = Annotated[
    Raw, Meta(description=f"A {_RULE} May be negative.", extra_json_schema={"anyOf": [_SIGNED_NUMBER, _SIGNED_TEXT]})
]
QuantityOrUnlimited = Annotated[
    Raw,
    Meta(
        description=f"A {_RULE} Null is unlimited.",
        extra_json_schema={"anyOf": [_NUMBER, _TEXT, {"type": "null"}], "default": 0},
    ),
]
