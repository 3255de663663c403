"""`--shuffle SEED` runs the files, and the tests of each, in another order: no test may lean on the one before."""

from __future__ import annotations

import random
from itertools import groupby

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run files, and the tests in them, in another order")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffle; every process of pytest-xdist comes to the same order from the same seed."""
    seed = config.getoption("--shuffle")
    if seed is None:
        return
    draw = random.Random(seed)
    files = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    draw.shuffle(files)
    for tests in files:
        draw.shuffle(tests)
    items[:] = [test for tests in files for test in tests]


def pytest_report_header(config: pytest.Config) -> str | None:
    """Name the seed, so that a failure can be repeated."""
    seed = config.getoption("--shuffle")
    return None if seed is None else f"order: --shuffle {seed}"
