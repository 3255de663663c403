"""Streams a CSV file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from flask import Response, request, stream_with_context
from sqlalchemy.orm import Session

from app.web import csv_export
from app.web.database import session

Rows: TypeAlias = Iterable[Sequence[csv_export.Cell]]


def stream_csv(name: str, head: Sequence[str], read: Callable[[Session], Rows]) -> Response:
    """The file; with `bom` in the query string, Excel reads it as UTF-8.

    `read` is given the session of the stream: the view's is closed by the time the body is sent, and would open
    another transaction that nobody ends.
    """

    def rows() -> Iterator[Sequence[csv_export.Cell]]:
        yield from read(session())

    body = stream_with_context(csv_export.lines(head, rows(), bom=bool(request.args.get("bom"))))
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(body, content_type="text/csv; charset=utf-8", headers=headers)
