"""Books and the columns of them that web and worker may update. Tests run as superuser, so the app is watched here.

A statement of the app that sets another column would be refused on an operator's server; here it fails its test.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from app.settings import PROJECT

_GRANTS = (PROJECT / "migrations" / "grants.sql").read_text(encoding="utf-8")


def _read_state_columns() -> dict[str, set[str]]:
    """Both of its lists; of what is only appended to, no column."""
    books = json.loads(_GRANTS.partition("state_columns CONSTANT jsonb := '")[2].partition("';")[0])
    appended = _GRANTS.partition("append_only CONSTANT text[] := ARRAY[")[2].partition("];")[0]
    never = {table: set[str]() for table in re.findall(r"'(\w+)'", appended)}
    return never | {table: set(columns) for table, columns in books.items()}


STATE_COLUMNS = _read_state_columns()
"""What is written once and then changes its state, and the columns that say so: as migrations/grants.sql lists them."""

_UPDATE = re.compile(r"UPDATE (\w+) SET (.*?)(?: WHERE |$)", re.DOTALL)
_COLUMN = re.compile(r"(?:^|, )(\w+)=")
_APP = str(PROJECT / "app") + "/"
_TOOLS = (f"{_APP}kit/", f"{_APP}web/database.py")


def forbidden_columns(statement: str) -> set[str]:
    """What an UPDATE sets that no running process may: "dunnings.grace_ends_at"."""
    found = _UPDATE.match(statement)
    if found is None or found[1] not in STATE_COLUMNS:
        return set()
    return {f"{found[1]}.{name}" for name in set(_COLUMN.findall(found[2])) - STATE_COLUMNS[found[1]]}


@pytest.fixture(scope="session", autouse=True)
def granted_columns_only() -> Iterator[None]:
    """Watch every statement of SQLAlchemy; what a test itself sets is its own business."""
    event.listen(Engine, "before_cursor_execute", _check)
    yield
    event.remove(Engine, "before_cursor_execute", _check)


def _check(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    if statement.startswith("UPDATE ") and (columns := forbidden_columns(statement)) and _is_of_the_app():
        pytest.fail(f"not granted by migrations/grants.sql: {', '.join(sorted(columns))}")


def _is_of_the_app() -> bool:
    """Whether a function of the app asked for the statement, and not a test for itself."""
    frame: Any = sys._getframe()
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_APP) and not name.startswith(_TOOLS):
            return True
        if Path(name).is_relative_to(PROJECT / "tests") and not name.endswith("support/granted.py"):
            return False
        frame = frame.f_back
    return False
