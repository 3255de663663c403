"""Passwords: argon2id, and the refusal of those that an attacker tries first.

No rule of composition. What is common is judged by zxcvbn, whose ranked lists hold 30,000 leaked passwords and the
usual turns on them; words of the person count as common too. See docs/decisions/0010-common-passwords.md.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from app.web.runtime import runtime

SHORTEST = 8
LONGEST = 1024
# Above every rank of the lists, so that each of their passwords is refused whole.
_FEWEST_GUESSES = 100_000
_JUDGED = 72
_PARTS = re.compile(r"\w+")


def refusal(password: str, *words: str | None) -> str | None:
    """Why this password is not taken, in words for the person; None when it is fine.

    `words` are what an attacker knows of the person: name, e-mail address, organisation.
    """
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters; 15 or more are better."
    if len(password) > LONGEST:
        return f"Use at most {LONGEST:,} characters."
    known = ["tollkeeper", *(part for word in words if word for part in (word, *_PARTS.findall(word)))]
    judged = zxcvbn(password[:_JUDGED], user_inputs=known)
    if int(judged["guesses"]) < _FEWEST_GUESSES or _says_only(password, known):
        return "This password is one of the first that an attacker tries. Use several unrelated words."
    return None


def _says_only(password: str, known: list[str]) -> bool:
    """Whether little is left of the password without what is known of the person."""
    rest = password.lower()
    for word in sorted({word.lower() for word in known if len(word) >= 3}, key=len, reverse=True):
        rest = rest.replace(word, "")
    return len(rest) < min(4, len(password))


def hash_password(password: str) -> str:
    """Hash for storage; about 40 ms by design."""
    return _hasher().hash(_normal(password))


def verify_password(stored: str | None, password: str) -> bool:
    """Whether the password is right. Without a stored hash it takes as long and says no."""
    hasher = _hasher()
    decoy = _decoy(hasher)
    try:
        return hasher.verify(stored or decoy, _normal(password)[:LONGEST]) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with weaker or other parameters than today's."""
    return _hasher().check_needs_rehash(stored)


def _hasher() -> PasswordHasher:
    settings = runtime().settings
    return _hasher_of(settings.password_passes, settings.password_memory // 1024)


@cache
def _hasher_of(passes: int, kibibytes: int) -> PasswordHasher:
    return PasswordHasher(time_cost=passes, memory_cost=kibibytes, parallelism=1)


@cache
def _decoy(hasher: PasswordHasher) -> str:
    return hasher.hash("the password of nobody")


def _normal(password: str) -> str:
    """One person's two keyboards may compose an accent differently (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
