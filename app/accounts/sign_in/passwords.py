"""Passwords: argon2id hashing, and rejection of those that an attacker tries first.

No composition rules. zxcvbn judges how common a password is: its ranked lists hold 30,000 leaked passwords and their
usual variations, and the user's own words count as common too. See docs/decisions/0010-common-passwords.md.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from app.web.runtime import runtime

MIN_LENGTH = 8
MAX_LENGTH = 1024
# Above every rank in the lists, so that all their passwords are rejected.
_MIN_GUESSES = 100_000
_MAX_JUDGED = 72
_PARTS = re.compile(r"\w+")


def find_problem(password: str, *words: str | None) -> str | None:
    """Why this password is rejected, in words for the user; None if it is fine.

    `words` are what an attacker knows about the user: name, email address, organisation.
    """
    if len(password) < MIN_LENGTH:
        return f"Use at least {MIN_LENGTH} characters; 15 or more are better."
    if len(password) > MAX_LENGTH:
        return f"Use at most {MAX_LENGTH:,} characters."
    known = ["tollkeeper", *(part for word in words if word for part in (word, *_PARTS.findall(word)))]
    result = zxcvbn(password[:_MAX_JUDGED], user_inputs=known)
    if int(result["guesses"]) < _MIN_GUESSES or _is_mostly(password, known):
        return "This password is easy to guess. Use several unrelated words."
    return None


def _is_mostly(password: str, known: list[str]) -> bool:
    """Whether little is left of the password without the known words."""
    rest = password.lower()
    for word in sorted({word.lower() for word in known if len(word) >= 3}, key=len, reverse=True):
        rest = rest.replace(word, "")
    return len(rest) < min(4, len(password))


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
