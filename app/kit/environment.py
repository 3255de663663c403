"""What an environment says, read by kind; what is wrong is kept, so that all of it can be told at once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

SECRET_LENGTH = 32


class Environment:
    """One environment. `problems` collects a sentence for each wrong name; none repeats a secret."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.problems: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        return self._env.get(name, default)

    def optional(self, name: str) -> str | None:
        """A text; None when it is unset or empty."""
        return self._env.get(name) or None

    def flag(self, name: str) -> bool:
        """True for 1."""
        return self._env.get(name) == "1"

    def number(self, name: str, default: int) -> int:
        """A whole number from 0 on."""
        text = self._env.get(name, str(default))
        if text.isascii() and text.isdigit():
            return int(text)
        self.problems.append(f"{name} must be a whole number, not {text!r}")
        return default

    def listed(self, name: str) -> tuple[str, ...]:
        """The parts between commas, without the empty ones."""
        return tuple(part for each in self._env.get(name, "").split(",") if (part := each.strip()))

    def secret(self, name: str, made_in: Path | None) -> str:
        """At least 32 characters; when it is unset, made once and kept in the folder `made_in`, if there is one."""
        value = self._env.get(name, "")
        if len(value) >= SECRET_LENGTH:
            return value
        if value or made_in is None:
            self.problems.append(f"{name} must be a random secret of at least {SECRET_LENGTH} characters")
            return ""
        kept = made_in / name.lower()
        if not kept.exists():
            made_in.mkdir(parents=True, exist_ok=True)
            kept.write_text(secrets.token_urlsafe(48), encoding="ascii")
            kept.chmod(0o600)
        return kept.read_text(encoding="ascii").strip()
