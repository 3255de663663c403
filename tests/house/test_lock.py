"""The lock files: every package pinned with its hashes, nothing that names a place, both files in step."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from app.settings import PROJECT

LOCKS = ("requirements.lock", "requirements-dev.lock")


def pins(name: str) -> dict[str, str]:
    text = (PROJECT / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_each_line_is_a_pin_or_a_hash(name: str) -> None:
    line = re.compile(r"[a-z0-9-]+==\S+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    other = [text for text in (PROJECT / name).read_text(encoding="utf-8").splitlines() if not line.fullmatch(text)]
    assert other == []


def test_both_files_pin_the_same_versions_of_the_product() -> None:
    product, everything = pins(LOCKS[0]), pins(LOCKS[1])
    assert {name: everything.get(name) for name in product} == product


def test_whatever_the_project_asks_for_is_locked() -> None:
    project = tomllib.loads(Path(PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert names(project["dependencies"]) <= pins(LOCKS[0]).keys()
    for extra in project["optional-dependencies"].values():
        assert names(extra) <= pins(LOCKS[1]).keys()


def names(wanted: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~ ]", name)[0].lower() for name in wanted}
