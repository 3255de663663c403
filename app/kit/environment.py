"""Reads typed values from the environment and collects every problem, so that all can be reported at once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

SECRET_LENGTH = 32


class Environment:
    """One environment. `problems` collects a sentence per invalid variable; none repeats a secret."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.problems: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        return self._env.get(name, default)

    def optional(self, name: str) -> str | None:
        """A text; None if unset or empty."""
        return self._env.get(name) or None

    def flag(self, name: str) -> bool:
        """True if the variable is 1."""
        return self._env.get(name) == "1"

    def number(self, name: str, default: int) -> int:
        """A whole number, 0 or more."""
        text = self._env.get(name, str(default))
        if text.isascii() and text.isdigit():
            return int(text)
        self.problems.append(f"{name} must be a whole number, not {text!r}")
        return default

    def listed(self, name: str) -> tuple[str, ...]:
        """Comma-separated values, without empty ones."""
        return tuple(part for item in self._env.get(name, "").split(",") if (part := item.strip()))

    def secret(self, name: str, made_in: Path | None) -> str:
        """At least 32 characters. If unset, generated once and kept in the folder `made_in`, if given."""
        value = self._env.get(name, "")
        if len(value) >= SECRET_LENGTH:
            return value
        if value or made_in is None:
            self.problems.append(f"{name} must be a random secret of at least {SECRET_LENGTH} characters")
            return ""
        path = made_in / name.lower()
        if not path.exists():
            made_in.mkdir(parents=True, exist_ok=True)
            path.write_text(secrets.token_urlsafe(48), encoding="ascii")
            path.chmod(0o600)
        return path.read_text(encoding="ascii").strip()
