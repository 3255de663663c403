"""The result of one doctor check."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """`status` is ok, warning or failed; `fix` says what to do, empty if nothing needs doing."""

    name: str
    status: str
    detail: str
    fix: str = ""
