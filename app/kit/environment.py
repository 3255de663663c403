"""Reads typed values from the environment and collects every problem, so that all can be reported at once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

SECRET_LENGTH, TOKEN_LENGTH, DIFFERENT = 32, 24, 10


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

    def choice(self, name: str, *known: str) -> str:
        """One of the known words, spelled exactly so; the first if unset. Any other word counts as a problem."""
        word = self._env.get(name, known[0])
        if word not in known:
            self.problems.append(f"{name} must be {' or '.join(known)}, not {word!r}")
        return word

    def number(self, name: str, default: int, *, least: int = 0, most: int = 1_000_000) -> int:
        """A whole number from `least` to `most`."""
        text = self._env.get(name, str(default))
        if text.isascii() and text.isdigit() and least <= int(text) <= most:
            return int(text)
        self.problems.append(f"{name} must be a whole number from {least} to {most}, not {text!r}")
        return default

    def listed(self, name: str) -> tuple[str, ...]:
        """Comma-separated values, without empty ones."""
        return tuple(part for item in self._env.get(name, "").split(",") if (part := item.strip()))

    def secret(self, name: str, made_in: Path | None) -> str:
        """A random secret. If unset, generated once and kept in the folder `made_in`, if given."""
        value = self._env.get(name, "")
        if value or made_in is None:
            return self._random(name, value, SECRET_LENGTH)
        path = made_in / name.lower()
        if not path.exists():
            made_in.mkdir(parents=True, exist_ok=True)
            path.write_text(secrets.token_urlsafe(48), encoding="ascii")
            path.chmod(0o600)
        return path.read_text(encoding="ascii").strip()

    def token(self, name: str, *, checked: bool) -> str | None:
        """A random token, shorter than a secret; None if unset. Anything goes unless `checked`."""
        value = self._env.get(name) or None
        return self._random(name, value, TOKEN_LENGTH) if value and checked else value

    def distinct(self, *names: str) -> None:
        """Count it as a problem if two of these variables have the same value."""
        given = [name for name in names if self._env.get(name)]
        for name in given:
            if same := [other for other in given if other > name and self._env[other] == self._env[name]]:
                self.problems.append(f"{name} and {same[0]} must be different")

    def _random(self, name: str, value: str, length: int) -> str:
        if len(value) >= length and len(set(value)) >= DIFFERENT:
            return value
        wanted = f"at least {length} characters, {DIFFERENT} of them different"
        self.problems.append(f"{name} must be random, of {wanted}: `openssl rand -hex 32` makes one")
        return ""
