"""Which passwords are refused: those that an attacker tries first.

No composition rules. zxcvbn judges how common a password is: its ranked lists hold 30,000 leaked passwords and their
usual variations, and the user's own words count as common too. See docs/decisions/0010-common-passwords.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from babel import Locale
from zxcvbn import zxcvbn

MIN_LENGTH = 8
MAX_LENGTH = 1024
# Far above every rank in the lists, and below eight random characters, which zxcvbn counts as 10^8.
_MIN_GUESSES = 10_000_000
# Above a word of the lists, in any spelling.
_MIN_CORE_GUESSES = 1_000_000
_MAX_JUDGED = 72
_MAX_SIGNS = 4
_PARTS = re.compile(r"\w+")
_REPEATED = re.compile(r"(.{3,}?)\1+", re.DOTALL)
_ENDS = re.compile(r"([\W\d_]*)(.*?)([\W\d_]*)", re.DOTALL)
# A year, the first digits in order, a short number.
_USUAL_NUMBER = re.compile(r"(?:(?:19|20)\d\d)+|1234\d*|\d{1,3}")
_LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "tr")
_OFTEN = (
    "winter spring summer autumn fall frühling sommer herbst hiver printemps été automne invierno primavera verano"
    " otoño inverno estate autunno verão outono lente zomer herfst wiosna lato jesień zima vår höst ilkbahar yaz kış"
    " willkommen bienvenue bienvenido bienvenida benvenuto benvenuti welkom"
)


def find_problem(password: str, *words: str | None) -> str | None:
    """Why this password is rejected, in words for the user; None if it is fine.

    `words` are what an attacker knows about the user: name, email address, organisation.
    """
    if len(password) < MIN_LENGTH:
        return f"Use at least {MIN_LENGTH} characters; 15 or more are better."
    if len(password) > MAX_LENGTH:
        return f"Use at most {MAX_LENGTH:,} characters."
    known = ["tollkeeper", *(part for word in words if word for part in _parts_of(word))]
    if _is_common(password, known) or _is_mostly(password, known):
        return "This password is easy to guess. Use several unrelated words."
    return None


def _parts_of(word: str) -> list[str]:
    parts = _PARTS.findall(word)
    return [word, "".join(parts), *parts]


def _is_common(password: str, known: list[str]) -> bool:
    """Whether an attacker tries it soon: as it is, or a common word with the year or the sign that rules ask for."""
    if repeated := _REPEATED.fullmatch(password):
        password = repeated[1]
    if _judge(password, known)["guesses"] < _MIN_GUESSES:
        return True
    words = [*known, *_frequent_words()]
    return any(_is_word(core, words) for core in _without_usual_ends(password))


def _is_word(core: str, words: list[str]) -> bool:
    """Whether this is one word of the lists or two, but for a character, and not random letters."""
    judged = _judge(core, words)
    unknown = "".join(match["token"] for match in judged["sequence"] if match["pattern"] == "bruteforce")
    return len(unknown) <= 1 and judged["guesses"] < _MIN_CORE_GUESSES


def _judge(password: str, words: list[str]) -> dict[str, Any]:
    judged: dict[str, Any] = zxcvbn(password[:_MAX_JUDGED], user_inputs=words)
    return judged


def _without_usual_ends(password: str) -> Iterator[str]:
    """What is left of `Winter2026!` without years, short numbers and signs before it, after it, and both."""
    found = _ENDS.fullmatch(password)
    start, core, end = found.groups() if found else ("", "", "")
    for cut, rest in ((end, start + core), (start, core + end), (f"{start} {end}", core)):
        signs = len(re.sub(r"[\d ]", "", cut))
        usual = signs <= _MAX_SIGNS and all(_USUAL_NUMBER.fullmatch(number) for number in re.findall(r"\d+", cut))
        if core and cut.strip() and usual:
            yield rest


@cache
def _frequent_words() -> tuple[str, ...]:
    """Words with which people count who must change passwords: seasons, months, weekdays, in several languages."""
    words = set(_OFTEN.split())
    for language in _LANGUAGES:
        locale = Locale(language)
        for names in (locale.months, locale.days):
            words.update(name.lower() for name in names["stand-alone"]["wide"].values())
    return tuple(sorted(words))


def _is_mostly(password: str, known: list[str]) -> bool:
    """Whether little is left of the password without the known words."""
    rest = password.lower()
    for word in sorted({word.lower() for word in known if len(word) >= 3}, key=len, reverse=True):
        rest = rest.replace(word, "")
    return len(rest) < min(4, len(password))
