"""Merges metadata: an empty value deletes its key, an empty string deletes all."""

from __future__ import annotations

from typing import Any

from sandbox.standin.errors import invalid

KEYS, KEY, VALUE = 50, 40, 500


def merged(old: dict[str, str], given: Any) -> dict[str, str]:
    """What `old` becomes by the parameter `metadata` (None when it was not sent)."""
    if given is None:
        return dict(old)
    if given == "":
        return {}
    new = {name: value for name, value in {**old, **given}.items() if value != ""}
    if len(new) > KEYS:
        raise invalid(f"Metadata can have up to {KEYS} keys", param="metadata")
    for name, value in new.items():
        if len(name) > KEY or len(value) > VALUE:
            raise invalid("Metadata keys can have 40 characters, values 500", param=f"metadata[{name}]")
    return new
