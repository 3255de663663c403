"""The checks that read the whole tree: layers, types, style, security. Each is one command, clean or failing."""

from __future__ import annotations

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


def test_no_check_is_silenced_without_a_reason() -> None:
    silenced = []
    for folder in ("app", "sandbox"):
        for path in (PROJECT / folder).rglob("*.py"):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                for mark in ("# noqa", "# type: ignore", "# nosec"):
                    bare = mark in line and "  # " not in line.split(mark, 1)[1] and "(" not in line.split(mark, 1)[1]
                    if bare:
                        silenced.append(f"{path.relative_to(PROJECT)}:{number}")
    assert silenced == []
