"""What an API key looks like: `tk_live_`, 40 random base62 characters (238 bits), 6 characters of checksum.

The checksum (CRC-32) lets secret scanners and us tell a typo from a key without asking the database.
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
    """Return a new key."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return PREFIX + body + _checksum(body)


def is_well_formed(key: str) -> bool:
    """Whether the text can be a key of ours at all."""
    return len(key) == LENGTH and key.startswith(PREFIX) and _checksum(key[len(PREFIX) : -CHECKSUM]) == key[-CHECKSUM:]


def hash_key(key: str, pepper: bytes) -> bytes:
    """The HMAC-SHA256 that is stored. A slow hash gains nothing on 238 random bits."""
    return hmac.digest(pepper, key.encode(), "sha256")


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM):
        number, rest = divmod(number, len(ALPHABET))
        digits = ALPHABET[rest] + digits
    return digits
