"""The id of one shown form for a new key: signed, and good for ten minutes.

Both presses of a double click carry the same id, so they lead to the same key and show the same secret, which is
derived from the id and a server secret and stored nowhere.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer

from app.kit.ids import new_id

LIFETIME = timedelta(minutes=10)
_SALT = "key-form"


@dataclass(frozen=True, slots=True)
class KeyFormId:
    """What a form's id says: the id of the key to be, and 256 random bits that no table holds."""

    key_id: UUID
    nonce: str


def issue_form_id(secret_key: str, now: datetime) -> str:
    """Make the id of a form that is about to be shown."""
    content = [str(new_id()), secrets.token_urlsafe(32), int(now.timestamp())]
    return str(URLSafeSerializer(secret_key, salt=_SALT).dumps(content))


def read_form_id(secret_key: str, text: str, now: datetime) -> KeyFormId | None:
    """Read a form's id; None if it is not ours or older than ten minutes."""
    try:
        key_id, nonce, issued = URLSafeSerializer(secret_key, salt=_SALT).loads(text)
    except BadSignature:
        return None
    if now - datetime.fromtimestamp(issued, UTC) > LIFETIME:
        return None
    return KeyFormId(UUID(key_id), nonce)
