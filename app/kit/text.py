"""Characters that text may hide: what has no place in a name, where two that look alike must be the same."""

from __future__ import annotations

import unicodedata

# Controls, lone surrogates, formats (zero-width, bidirectional, tags), separators of lines and paragraphs.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Cf", "Zl", "Zp"})
# Letters, marks and signs of other categories that show nothing: fillers, joiners of marks, variation selectors.
_HIDDEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE0F), *range(0xE0100, 0xE01F0))))
)
_JOINERS = frozenset("\u200c\u200d")
_EMOJI_STYLE = "\ufe0f"
# Scripts whose letters are joined, and emoji. Ideographs and kana are letters of the same category, and never joined.
_JOINED = frozenset({"Lo", "Mn", "Mc", "So", "Sk"})
_NEVER_JOINED = ("CJK ", "HIRAGANA ", "KATAKANA ", "HANGUL ", "BOPOMOFO ")


def hides_characters(text: str) -> bool:
    """Whether the text holds characters that do not show. Joiners in Persian or Hindi words and in emoji do."""
    return any(_is_hidden(text, index) for index in range(len(text)))


def _is_hidden(text: str, index: int) -> bool:
    character = text[index]
    before, after = text[index - 1] if index else "", text[index + 1 : index + 2]
    if character in _JOINERS:
        return not (_is_joined(before) and _is_joined(after))
    if character == _EMOJI_STYLE:
        return not before or unicodedata.category(before) != "So"
    return character in _HIDDEN or unicodedata.category(character) in _HIDDEN_CATEGORIES


def _is_joined(character: str) -> bool:
    if not character:
        return False
    named = unicodedata.name(character, "")
    return character == _EMOJI_STYLE or (
        unicodedata.category(character) in _JOINED and not named.startswith(_NEVER_JOINED)
    )
