"""Formats exceptions for the log without what PostgreSQL repeats of a row.

PostgreSQL's DETAIL quotes the failing row, its CONTEXT the values of a statement, and the message of a data exception
what was typed. What is left names the error and its place: SQLSTATE, table, column, constraint.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any

import psycopg
import sqlalchemy.exc

_DATA_EXCEPTION = "22"
_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def format_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace `exc_info` by the text of the exception and of those behind it, as a structlog processor."""
    told = event.pop("exc_info", None)
    error = told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException):
        event["exception"] = "".join(_parts(error)).rstrip()
    return event


def describe_error(error: BaseException) -> str:
    """One line on an exception; of a database error, nothing that came from a row or a parameter."""
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    if isinstance(error, psycopg.Error):
        return f"{name}: {_describe_database_error(error)}"
    if isinstance(error, sqlalchemy.exc.DBAPIError) and isinstance(error.orig, psycopg.Error):
        return f"{name}: {_describe_database_error(error.orig)} [SQL: {error.statement}]"
    return f"{name}: {error}"


def _describe_database_error(error: psycopg.Error) -> str:
    if error.sqlstate is None:
        return str(error)  # of the connection, not of a statement
    place = {"table": error.diag.table_name, "column": error.diag.column_name, "constraint": error.diag.constraint_name}
    known = " ".join(f"{name}={value}" for name, value in place.items() if value)
    said = "" if error.sqlstate.startswith(_DATA_EXCEPTION) else error.diag.message_primary or ""
    return " ".join(part for part in (f"[{error.sqlstate}]", said, known) if part)


def _parts(error: BaseException) -> Iterator[str]:
    if error.__cause__ is not None:
        yield from _parts(error.__cause__)
        yield _CAUSE
    elif error.__context__ is not None and not error.__suppress_context__:
        yield from _parts(error.__context__)
        yield _CONTEXT
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_tb(error.__traceback__)
    yield f"{describe_error(error)}\n"
