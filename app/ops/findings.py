"""What a check of the doctor's says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """`status` is ok, warning or failed; `fix` says what to do, empty when nothing is to be done."""

    name: str
    status: str
    detail: str
    fix: str = ""
