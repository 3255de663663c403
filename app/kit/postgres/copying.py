"""COPY through a session: the fastest way in for many rows, within its transaction and with SQLAlchemy's errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

_ROWS = "tollkeeper_copied_rows"


def copy_rows(session: Session, statement: str, rows: Iterable[Sequence[object]]) -> None:
    """Run `COPY table (columns) FROM STDIN` with rows of values in the order of the columns."""
    session.execute(text(statement), execution_options={_ROWS: rows})


@event.listens_for(Engine, "do_execute")
def _send_rows(cursor: Any, statement: str, _parameters: Any, context: Any) -> bool:
    """Send the rows of a COPY where SQLAlchemy would only execute it; True: it is done."""
    rows = context.execution_options.get(_ROWS) if context is not None else None
    if rows is None:
        return False
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
    return True
