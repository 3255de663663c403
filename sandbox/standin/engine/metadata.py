"""Merges metadata: an empty value deletes its key, an empty string deletes everything."""

from __future__ import annotations

from typing import Any

from sandbox.standin.errors import invalid

KEYS, KEY, VALUE = 50, 40, 500


def merged(old: dict[str, str], update: Any) -> dict[str, str]:
    """`old` updated with the parameter `metadata` (None if it was not sent)."""
    if update is None:
        return dict(old)
    if update == "":
        return {}
    result = {name: value for name, value in {**old, **update}.items() if value != ""}
    if len(result) > KEYS:
        raise invalid(f"Metadata can have up to {KEYS} keys", param="metadata")
    for name, value in result.items():
        if len(name) > KEY or len(value) > VALUE:
            raise invalid("Metadata keys can have 40 characters, values 500", param=f"metadata[{name}]")
    return result
