"""Every test has one tier, told by what it asks for: `make test-unit`, `-db`, `-stack` and `-browser` run one alone.

unit: no database and no process of its own; a server in a thread, as the stand-in for Stripe is, does not count.
db: the test cluster. stack: processes. browser: Chromium.
"""

from __future__ import annotations

import pytest

TIERS = ("unit", "db", "stack", "browser")
_BROWSER = {"chromium", "markup"}
_STACK = {"stack", "running", "installation"}
_DATABASE = {"server", "database"}
# Files whose tests start processes or listen on ports themselves, without a fixture that says so.
_STACK_FILES = (
    "tests/factory/test_settings.py",
    "tests/house/test_shared_program.py",
    "tests/races/",
    "tests/api/test_clients.py",
    "tests/api/test_document.py",
    "tests/sandbox/test_mailbox.py",
    "tests/sandbox/test_run.py",
    "tests/sandbox/test_standin_process.py",
    "tests/sandbox/test_supervisor.py",
    "tests/stripe_gateway/test_away.py",
    "tests/stripe_gateway/test_failures.py",
)
# Files that start a database of their own, without a fixture that says so.
_DATABASE_FILES = ("tests/sandbox/test_postgres.py",)


def tier_of(path: str, fixtures: frozenset[str]) -> str:
    """The tier of a test in the file at `path` (from the project's root) that asks for these fixtures.

    >>> tier_of("tests/payments/webhooks/test_door.py", frozenset({"database", "clock"}))
    'db'
    """
    if fixtures & _BROWSER:
        return "browser"
    if fixtures & _STACK or path.startswith(_STACK_FILES):
        return "stack"
    if fixtures & _DATABASE or path.startswith(_DATABASE_FILES):
        return "db"
    return "unit"


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    for tier in TIERS:
        config.addinivalue_line("markers", f"{tier}: see tests/support/tiers.py; set by what the test asks for")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test, before `-m` chooses."""
    for item in items:
        path = item.path.relative_to(config.rootpath).as_posix()
        fixtures = frozenset(getattr(item, "fixturenames", ()))
        item.add_marker(tier_of(path, fixtures))
