"""Ids in Stripe's format: a prefix, then letters and digits."""

from __future__ import annotations

import secrets
import string

LETTERS = string.ascii_letters + string.digits


def new(prefix: str, length: int = 24) -> str:
    """A new id: `cus_` and 14 characters, `cs_test_` and 58, else the prefix and 24."""
    size = {"cus": 14, "prod": 14, "req": 14, "cs_test": 58, "coupon": 0}.get(prefix, length)
    return f"{prefix}_{token(size)}" if size else token(8)


def token(length: int) -> str:
    """Unguessable letters and digits."""
    return "".join(secrets.choice(LETTERS) for _ in range(length))
