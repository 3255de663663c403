"""Removes secrets, addresses of Stripe's pages (open to anyone who has them) and personal data from events and errors.

Objects are always retrieved from Stripe, so stored events need no names, email addresses, telephone numbers or
postal addresses; and what is not stored need not be erased later.
"""

from __future__ import annotations

import re
from typing import Any

REMOVED = "[removed]"
_SECRETS = frozenset({"client_secret", "secret", "invoice_pdf", "pdf"})
_PERSONAL = frozenset(
    {"name", "individual_name", "business_name", "customer_name", "billing_details", "customer_details",
     "collected_information", "customer_tax_ids", "custom_fields", "customer_purchase_ip"}
)  # fmt: skip
_PERSONAL_ENDS = ("email", "phone", "address", "shipping")
_SECRET_TEXT = re.compile(r"\b(?:https?://\S+|(?:sk|rk|pk|whsec)_\w+|\w+_secret_\w+)")
MAX_LENGTH = 500


def redact_body(value: Any) -> Any:
    """Redact a JSON value. Also strips U+0000, which PostgreSQL rejects."""
    if isinstance(value, dict):
        return {key.replace("\x00", ""): _redact_field(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [redact_body(item) for item in value]
    if isinstance(value, str) and "\x00" in value:
        return value.replace("\x00", "")
    return value


def redact_text(text: str) -> str:
    """Redact an error message and shorten it to 500 characters."""
    return _SECRET_TEXT.sub(REMOVED, text.replace("\x00", ""))[:MAX_LENGTH]


def _redact_field(key: str, value: Any) -> Any:
    if isinstance(value, str) and (key in _SECRETS or key.endswith(("url", "_secret"))):
        return REMOVED
    if value and not isinstance(value, bool) and (key in _PERSONAL or key.endswith(_PERSONAL_ENDS)):
        return REMOVED
    return redact_body(value)
