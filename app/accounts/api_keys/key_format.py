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
    return _build("".join(secrets.choice(ALPHABET) for _ in range(RANDOM)))


def derive_key(secret: bytes, *parts: str) -> str:
    """The key that belongs to these parts: always the same one, and not to be guessed without the secret."""
    number = int.from_bytes(hmac.digest(secret, "\0".join(parts).encode(), "sha512"))
    return _build(_encode(number, RANDOM))


def is_well_formed(key: str) -> bool:
    """Whether the text has the format of our keys."""
    return len(key) == LENGTH and key.startswith(PREFIX) and _checksum(key[len(PREFIX) : -CHECKSUM]) == key[-CHECKSUM:]


def hash_key(key: str, pepper: bytes) -> bytes:
    """The HMAC-SHA256 stored in the database. A slow hash would add nothing to 238 random bits."""
    return hmac.digest(pepper, key.encode(), "sha256")


def _build(body: str) -> str:
    return PREFIX + body + _checksum(body)


def _checksum(body: str) -> str:
    return _encode(zlib.crc32(body.encode()), CHECKSUM)


def _encode(number: int, length: int) -> str:
    """The last `length` base62 digits of a number."""
    digits = ""
    for _ in range(length):
        number, rest = divmod(number, len(ALPHABET))
        digits = ALPHABET[rest] + digits
    return digits
