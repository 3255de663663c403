"""The arguments of the two write calls with their SQL types. The statements are generated from these classes.

A statement binds tuples of these classes, in order. `tests/metering/test_write_calls.py` compares names and types with
PostgreSQL's catalogue, so that no two arguments can be swapped.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, NamedTuple, get_type_hints
from uuid import UUID

from app.kit.postgres.hot_statement import HotStatement

Text = Annotated[str | None, "text"]
Number = Annotated[int | None, "integer"]
Moment = Annotated[datetime, "timestamptz"]
Id = Annotated[UUID | None, "uuid"]
Bytes = Annotated[bytes | None, "bytea"]
Flag = Annotated[bool, "boolean"]
# Columns of a batch are array literals (`metering.pg_arrays`); None when no event has a value.
Texts = Annotated[str | None, "text[]"]
Numbers = Annotated[str | None, "integer[]"]
Ids = Annotated[str | None, "uuid[]"]


class EventInput(NamedTuple):
    """The fields of the SQL type `usage_event_input`."""

    id: Text
    key: Annotated[str, "uuid"]
    content: Annotated[str, "bytea"]
    meter: Text
    quantity: Annotated[str, "numeric"]
    at: Moment
    kind: Text
    provider: Text
    endpoint: Text
    language: Text
    format: Text
    user: Text
    client: Text
    job: Text
    status: Number
    ms: Number
    bytes: Annotated[int | None, "bigint"]
    salt: Bytes
    metadata: Annotated[str | None, "jsonb"]


class RecordCall(NamedTuple):
    """The arguments of `usage_record` other than the event."""

    p_org: Id
    p_now: Moment
    p_oldest: Moment
    p_newest: Moment
    p_api_key: Id
    p_flush: Flag


class BatchColumns(NamedTuple):
    """The events of a batch, as arguments of `usage_record_batch`: first the labels they refer to, then the columns."""

    p_meters: Texts
    p_clients: Texts
    p_users: Texts
    p_ids: Texts
    p_keys: Ids
    p_contents: Ids
    p_meter: Numbers
    p_quantity: Annotated[str, "numeric[]"]
    p_at: Annotated[str | None, "timestamptz[]"]
    p_kind: Texts
    p_provider: Texts
    p_endpoint: Texts
    p_language: Texts
    p_format: Texts
    p_user: Numbers
    p_client: Numbers
    p_job: Texts
    p_status: Numbers
    p_ms: Numbers
    p_bytes: Annotated[str | None, "bigint[]"]
    p_salt: Ids
    p_metadata: Annotated[str | None, "jsonb[]"]


class BatchCall(NamedTuple):
    """The arguments of `usage_record_batch` other than the events."""

    p_org: Id
    p_now: Moment
    p_oldest: Moment
    p_newest: Moment
    p_api_key: Id
    p_source: Text
    p_import: Id
    p_billable: Flag
    p_limited: Flag
    p_exact: Flag
    p_flush: Flag


def list_types(arguments: type[NamedTuple]) -> dict[str, str]:
    """List the arguments' SQL types by name, in order."""
    hints = get_type_hints(arguments, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


def _named(arguments: type[NamedTuple]) -> str:
    return ", ".join(f"{name} => %s" for name in list_types(arguments))


_EVENT = ", ".join(["%s"] * len(EventInput._fields))
# Bind (*RecordCall(...), *EventInput(...)) and (*BatchCall(...), *BatchColumns(...)).
RECORD = HotStatement(
    f"CALL usage_record({_named(RecordCall)}, p_event => ROW({_EVENT})::usage_event_input,"
    " outcome => NULL, facts => NULL)",
    writes=True,
)
RECORD_BATCH = HotStatement(
    f"CALL usage_record_batch({_named(BatchCall)}, {_named(BatchColumns)},"
    " recorded => NULL, duplicates => NULL, refused => NULL)",
    writes=True,
)
