"""What is never kept of an event or an error: secrets, addresses of Stripe's pages (they open to anybody), and persons.

An event is a hint and Stripe is asked about its object, so that nothing here needs names, mail addresses, telephone
numbers or streets; and what is not kept need not be found again when a person is erased.
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
_SECRET_WORDS = re.compile(r"\b(?:https?://\S+|(?:sk|rk|pk|whsec)_\w+|\w+_secret_\w+)")
MOST_WORDS = 500


def redact_body(value: Any) -> Any:
    """The same JSON without what is not kept. Also without U+0000, which PostgreSQL does not take."""
    if isinstance(value, dict):
        return {key.replace("\x00", ""): _field(key, each) for key, each in value.items()}
    if isinstance(value, list):
        return [redact_body(each) for each in value]
    if isinstance(value, str) and "\x00" in value:
        return value.replace("\x00", "")
    return value


def redact_words(text: str) -> str:
    """An error's words without what is not kept, shortened to 500 characters."""
    return _SECRET_WORDS.sub(REMOVED, text.replace("\x00", ""))[:MOST_WORDS]


def _field(key: str, value: Any) -> Any:
    if isinstance(value, str) and (key in _SECRETS or key.endswith(("url", "_secret"))):
        return REMOVED
    if value and not isinstance(value, bool) and (key in _PERSONAL or key.endswith(_PERSONAL_ENDS)):
        return REMOVED
    return redact_body(value)
