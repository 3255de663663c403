"""Reads a call's parsed parameters, and rejects those that the stand-in would ignore."""

from __future__ import annotations

from typing import Any

from sandbox.standin.errors import invalid


def given_fields(given: dict[str, Any], *names: str) -> dict[str, Any]:
    """The named parameters that the call sent; an empty string clears a field."""
    return {name: given[name] if given[name] != "" else None for name in names if name in given}


def allow_only(given: dict[str, Any], *names: str) -> None:
    """Reject what Stripe accepts but the stand-in would ignore: silence would look like success."""
    for name in given:
        if name not in names:
            raise invalid(
                f"The stand-in does not support the parameter {name} yet. Add support for it, or leave it out.",
                param=name,
            )
