"""Tests of about a second or more, marked `slow`: `make test-long` runs all, `make test` one in eight of each file.

Besides these `make test` runs those whose code changed, up to a bound. What it leaves out is marked `long`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pytest

from tests.support.changes import changed_files
from tests.support.sampling import spread

ONE_IN = 8
MOST = 24
"""So many of those whose code changed; a larger change is make test-long's."""


@dataclass(frozen=True)
class Slow:
    """A slow test: its id and its file, from the project's root."""

    name: str
    file: str


def choose(tests: Sequence[Slow], changed: Collection[str]) -> set[str]:
    """The names of the slow tests that `make test` runs."""
    files: dict[str, list[str]] = {}
    for test in tests:
        files.setdefault(test.file, []).append(test.name)
    sample = {name for names in files.values() for name in names[::ONE_IN]}
    theirs = [name for file, names in files.items() if _changed(file, changed) for name in names if name not in sample]
    return sample | set(spread(theirs, MOST))


def _changed(file: str, changed: Collection[str]) -> bool:
    """Whether the file changed, or a module of the folder of `app/` that it mirrors."""
    mirrored = PurePosixPath("app", *PurePosixPath(file).parts[1:-1])
    return file in changed or any(PurePosixPath(each).parent == mirrored for each in changed)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what `make test` leaves out, before `-m` chooses."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    told = [Slow(item.nodeid, item.path.relative_to(config.rootpath).as_posix()) for item in slow]
    chosen = choose(told, changed_files())
    for item in slow:
        if item.nodeid not in chosen:
            item.add_marker("long")
