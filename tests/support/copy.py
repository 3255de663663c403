"""The product's sentences that tests share, in one file, so that rewording them touches no test."""

from __future__ import annotations

import tomllib

from app.settings import PROJECT

_SENTENCES = tomllib.loads((PROJECT / "tests" / "snapshots" / "copy.toml").read_text(encoding="utf-8"))


def copy(name: str, **facts: object) -> str:
    """The sentence of this name with its facts: copy("billing.renews", plan="Pro", date="1 December 2026")."""
    page, _, sentence = name.partition(".")
    return str(_SENTENCES[page][sentence]).format(**facts)
