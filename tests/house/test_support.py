"""What the tests stand on keeps its own promises: tiers, order, seconds."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import psycopg
import pytest

from tests.support.left_open import in_transaction
from tests.support.seconds import Room, overdrawn, room_of
from tests.support.tiers import tier_of


@pytest.mark.parametrize(
    ("path", "fixtures", "tier"),
    [
        ("tests/kit/test_money.py", set(), "unit"),
        ("tests/payments/webhooks/test_door.py", {"client", "database"}, "db"),
        ("tests/races/test_exact_limits.py", {"database"}, "stack"),
        ("tests/browser/test_api.py", {"stack"}, "stack"),
        ("tests/browser/test_pages.py", {"stack", "chromium"}, "browser"),
    ],
)
def test_tier_follows_from_what_a_test_asks_for(path: str, fixtures: set[str], tier: str) -> None:
    assert tier_of(path, frozenset(fixtures)) == tier


def test_no_unit_test_starts_a_process_or_a_server(request: pytest.FixtureRequest) -> None:
    starts = re.compile(r"\b(?:subprocess|Popen|multiprocessing|ProcessPoolExecutor)\b")
    wrong = [
        item.nodeid
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.path != Path(__file__)
        and item.get_closest_marker("unit")
        and starts.search(inspect.getsource(item.function))
    ]
    assert wrong == []


def test_room_is_the_folder_below_tests() -> None:
    assert room_of("tests/payments/webhooks/test_inbox.py::test_x[a/b]") == "payments"


def test_room_above_its_budget_or_without_one_is_named() -> None:
    rooms = {"kit": Room(3, 1.0), "payments": Room(9, 70.0), "jobs": Room(1, 0.1)}
    told = overdrawn(rooms, {"kit": 2, "payments": 60})
    assert [each.split(":")[0] for each in told] == ["jobs", "payments"]


def test_who_is_in_a_transaction_is_named_until_it_ends(database: str) -> None:
    def lines() -> list[str]:
        return [line for line in in_transaction(database) if "'left open'" in line]

    with psycopg.connect(database) as other:
        other.execute("SELECT 'left open' FROM orgs")
        assert "idle in transaction" in lines()[0]
        other.rollback()
        assert lines() == []
