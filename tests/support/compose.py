"""compose.yaml and the Dockerfile as a test reads them: what each service is told, without Docker."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from app.settings import PROJECT

FILE = PROJECT / "compose.yaml"
_VARIABLE = re.compile(r"\$(?:(\$)|\{([A-Z_]+)(?:(:-|:\?)([^}]*))?\})")
_TEMPLATED = re.compile(r"\$\{([A-Z_]+)\}")


class ComposeRefused(Exception):
    """Compose would not start: a variable that must be set is not."""


def services(env: Mapping[str, str]) -> dict[str, Any]:
    """The services with the variables of `.env` filled in; raises `ComposeRefused` as Compose does."""
    found: dict[str, Any] = _filled(yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"], env)
    return found


def named_commands() -> list[tuple[str, list[str]]]:
    """The commands that the file's comments name, in their order: service, and words where they are given."""
    line = re.compile(r"docker compose run --rm (\w+)(?: (flask .*?))?(?:`| {2}|$)", re.MULTILINE)
    return [(service, words.split()) for service, words in line.findall(FILE.read_text(encoding="utf-8"))]


def image_environment() -> dict[str, str]:
    """What the image sets for every process of the product."""
    lines = (PROJECT / "Dockerfile").read_text(encoding="utf-8").rpartition("\nENV ")[2].partition("\nUSER")[0]
    return dict(each.split("=", 1) for each in lines.replace("\\\n", " ").split())


def proxy_template(proxy: Mapping[str, Any]) -> Path:
    """The file that the proxy's image fills in."""
    mounted = next(each for each in proxy["volumes"] if each.partition(":")[2].startswith("/etc/nginx/templates/"))
    return (PROJECT / mounted.partition(":")[0]).resolve()


def fill_template(text: str, env: Mapping[str, str]) -> str:
    """As the image's envsubst does it: only what is set is replaced, so nginx's own variables stay."""
    return _TEMPLATED.sub(lambda found: env.get(found[1], found[0]), text)


def _filled(value: Any, env: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, env) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, env) for each in value]
    return _VARIABLE.sub(lambda found: _value(found, env), value) if isinstance(value, str) else value


def _value(found: re.Match[str], env: Mapping[str, str]) -> str:
    dollar, name, kind, words = found.groups()
    if dollar:
        return "$"
    if kind == ":?" and not env.get(name):
        raise ComposeRefused(f"required variable {name} is missing a value: {words}")
    return env.get(name) or (words if kind == ":-" else "")
