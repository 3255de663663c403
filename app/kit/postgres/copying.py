"""COPY through a session: the fastest way in for many rows, within its transaction and with SQLAlchemy's errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from app.kit.batches import batched

_ROWS = "tollkeeper_copied_rows"
_TOGETHER = 200
"""Rows that are sent at a time: PostgreSQL reads them while the next are made."""
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def encode_field(value: object) -> str:
    """Encode a value for COPY. A row is its fields joined by tabs; numbers, ids and times need no encoding."""
    return r"\N" if value is None else escape(str(value))


def escape(value: str) -> str:
    """Escape text for COPY."""
    if "\\" in value or "\t" in value or "\n" in value or "\r" in value:
        return value.translate(_ESCAPES)
    return value


def copy_rows(session: Session, statement: str, rows: Iterable[str]) -> None:
    """Run `COPY table (columns) FROM STDIN` with encoded rows."""
    session.execute(text(statement), execution_options={_ROWS: rows})


@event.listens_for(Engine, "do_execute")
def _send_rows(cursor: Any, statement: str, _parameters: Any, context: Any) -> bool:
    """Send the rows of a COPY where SQLAlchemy would only execute it; True: it is done."""
    rows = context.execution_options.get(_ROWS) if context is not None else None
    if rows is None:
        return False
    with cursor.copy(statement) as copy:
        for some in batched(rows, _TOGETHER):
            copy.write("\n".join((*some, "")))
    return True
