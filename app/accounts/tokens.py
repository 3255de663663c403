"""Random secrets for cookies and emails; the database holds only their SHA-256."""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> str:
    """Generate a token of 256 random bits, safe in URLs and cookies."""
    return secrets.token_urlsafe(32)


def digest_token(token: str) -> bytes:
    """The digest that is stored and looked up; a fast hash is right for 256 random bits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
