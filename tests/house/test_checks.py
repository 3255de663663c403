"""The checks that read the whole tree: layers, types, style, security. Each is one command, clean or failing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import PROJECT

BIN = Path(sys.executable).parent
COMMANDS = {
    "import-linter": [BIN / "lint-imports"],
    "ruff": [BIN / "ruff", "check", "."],
    "ruff format": [BIN / "ruff", "format", "--check", "."],
    "mypy": [BIN / "mypy"],
    "bandit": [BIN / "bandit", "-q", "-r", "app", "sandbox", "-c", "pyproject.toml"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_tree_is_clean_for(name: str) -> None:
    done = subprocess.run(
        [str(word) for word in COMMANDS[name]], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


MARKS = re.compile(r"# (?:noqa|type: ignore|nosec)[^#(]*")


def test_no_check_is_silenced_without_a_reason() -> None:
    silenced = []
    for folder in ("app", "sandbox"):
        for path in (PROJECT / folder).rglob("*.py"):
            lines = path.read_text(encoding="utf-8").splitlines()
            silenced += [f"{path.relative_to(PROJECT)}:{n + 1}" for n in range(len(lines)) if _is_bare(lines, n)]
    assert silenced == []


def _is_bare(lines: list[str], number: int) -> bool:
    """A check is silenced and neither the rest of the line nor a comment on the line above says why."""
    if not MARKS.search(lines[number]):
        return False
    told_above = number > 0 and lines[number - 1].lstrip().startswith("#")
    rest = MARKS.sub("", lines[number][MARKS.search(lines[number]).start() :])  # type: ignore[union-attr]
    return not told_above and not rest.strip(" #")
