"""The lists that the write calls are made from say what PostgreSQL says: same names, same types."""

from __future__ import annotations

from typing import NamedTuple

import psycopg
import pytest

from app.metering.write_calls import BatchCall, BatchColumns, EventInput, RecordCall, list_types

ARGUMENTS = """
    SELECT a.name, format_type(a.type, NULL) FROM pg_proc p,
        unnest(p.proargnames, p.proallargtypes, p.proargmodes) a (name, type, mode)
    WHERE p.pronamespace = 'public'::regnamespace AND p.proname = %s AND a.mode = 'i'
"""
FIELDS = """
    SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
    WHERE attrelid = 'usage_event_input'::regclass AND attnum > 0 ORDER BY attnum
"""


@pytest.mark.parametrize(
    ("procedure", "lists", "composite"),
    [
        ("usage_record", [RecordCall], {"p_event": "usage_event_input"}),
        ("usage_record_batch", [BatchCall, BatchColumns], {}),
    ],
)
def test_arguments_are_those_of_the_procedure(
    database: str, procedure: str, lists: list[type[NamedTuple]], composite: dict[str, str]
) -> None:
    listed = {name: _spelt(kind) for each in lists for name, kind in list_types(each).items()} | composite
    with psycopg.connect(database) as connection:
        assert dict(connection.execute(ARGUMENTS, (procedure,)).fetchall()) == listed


def test_an_event_has_the_fields_of_the_sql_type_in_its_order(database: str) -> None:
    with psycopg.connect(database) as connection:
        found = connection.execute(FIELDS).fetchall()
    assert found == [(name, _spelt(kind)) for name, kind in list_types(EventInput).items()]


def _spelt(kind: str) -> str:
    return kind.replace("timestamptz", "timestamp with time zone")
