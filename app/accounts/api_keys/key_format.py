"""The format of API keys: `tk_live_`, 40 random base62 characters (238 bits), a checksum of 6 characters.

The checksum (CRC-32) tells a typo from a key without a query, for us and for secret scanners.
"""

from __future__ import annotations

import hmac
import secrets
import string
import zlib

PREFIX = "tk_live_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM = 40
CHECKSUM = 6
LENGTH = len(PREFIX) + RANDOM + CHECKSUM
SHOWN = len(PREFIX) + 4


def new_key() -> str:
    """Generate a key."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return PREFIX + body + _checksum(body)


def is_well_formed(key: str) -> bool:
    """Whether the text has the format of our keys."""
    return len(key) == LENGTH and key.startswith(PREFIX) and _checksum(key[len(PREFIX) : -CHECKSUM]) == key[-CHECKSUM:]


def hash_key(key: str, pepper: bytes) -> bytes:
    """The HMAC-SHA256 stored in the database. A slow hash would add nothing to 238 random bits."""
    return hmac.digest(pepper, key.encode(), "sha256")


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM):
        number, rest = divmod(number, len(ALPHABET))
        digits = ALPHABET[rest] + digits
    return digits
