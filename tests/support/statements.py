"""What is asked of the database inside, by either pool: a profiler notes each call that sends a statement.

SQLAlchemy and plain calls on the hot pool go through psycopg's cursors, the hot path through `HotStatement`. What
begins, sets up and ends transactions asks nothing.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from psycopg import Copy, Cursor, ServerCursor

from app.kit.postgres.hot_statement import HotStatement

_SENT_BY: dict[CodeType, str] = {
    Cursor.execute.__code__: "query",
    Cursor.executemany.__code__: "query",
    ServerCursor.execute.__code__: "query",
    Copy.__init__.__code__: "cursor",
    HotStatement.rows.__code__: "self",
}
"""Who sends a statement, and which argument tells what it is."""


@contextmanager
def asked_inside() -> Iterator[list[str]]:
    """The statements sent by this thread and by those that start meanwhile, in their order."""
    asked: list[str] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and (name := _SENT_BY.get(frame.f_code)):
            said = _wording(frame.f_locals[name])
            if not said.startswith("SET "):
                asked.append(said)

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield asked
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


def _wording(sent: Any) -> str:
    if isinstance(sent, HotStatement):
        return sent._sql.decode()
    return sent.decode() if isinstance(sent, bytes) else str(sent)
