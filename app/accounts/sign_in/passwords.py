"""Passwords: argon2id hashing. Which ones are refused is in `password_rules`."""

from __future__ import annotations

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.accounts.sign_in.password_rules import MAX_LENGTH
from app.web.runtime import runtime


def hash_password(password: str) -> str:
    """Hash a password for storage; takes about 40 ms by design."""
    return _hasher().hash(_normalise(password))


def verify_password(stored: str | None, password: str) -> bool:
    """Whether the password is correct. Without a stored hash, takes just as long and returns False."""
    hasher = _hasher()
    decoy = _decoy(hasher)
    try:
        return hasher.verify(stored or decoy, _normalise(password)[:MAX_LENGTH]) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with parameters other than the current ones."""
    return _hasher().check_needs_rehash(stored)


def _hasher() -> PasswordHasher:
    settings = runtime().settings
    return _build_hasher(settings.password_passes, settings.password_memory // 1024)


@cache
def _build_hasher(passes: int, kibibytes: int) -> PasswordHasher:
    return PasswordHasher(time_cost=passes, memory_cost=kibibytes, parallelism=1)


@cache
def _decoy(hasher: PasswordHasher) -> str:
    return hasher.hash("the password of nobody")


def _normalise(password: str) -> str:
    """Normalise (NFKC): keyboards may compose an accent differently (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
