"""Several small reads in one statement. Each comes back as JSON, and its values as the types that its columns have.

For what a page asks anyway, one thing after the other: a statement less is a way to the server less. Functions that
several callers share ask by `ask`; a page that knows what they will ask has it read by `prepare` before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Executable,
    LargeBinary,
    Numeric,
    Select,
    SelectBase,
    Text,
    TextClause,
    TextualSelect,
    Uuid,
    bindparam,
    cast,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.orm import Mapper, ORMExecuteState, Session, make_transient_to_detached
from sqlalchemy.types import TypeEngine

AnySelect: TypeAlias = Select[*tuple[Any, ...]]
"""A query of any columns."""
_TYPES: dict[type, TypeEngine[Any]] = {
    datetime: DateTime(timezone=True), UUID: Uuid(), int: BigInteger(), bool: Boolean(), date: Date(), str: Text(),
}  # fmt: skip
_KEPT = "tollkeeper.prepared"
_WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE|CALL|FOR SHARE|FOR KEY SHARE)\b|lock\w*\(")
_parse = msgspec.json.Decoder(float_hook=Decimal).decode
_DECODERS: Sequence[tuple[type[TypeEngine[Any]], Callable[[Any], Any]]] = (
    (Uuid, UUID),
    (DateTime, datetime.fromisoformat),
    (Date, date.fromisoformat),
    (Numeric, Decimal),
    (LargeBinary, lambda value: bytes.fromhex(value[2:])),
)
"""What JSON has no word for. Arrays and intervals are not read like this."""


def read_together(session: Session, *queries: AnySelect | TextualSelect) -> list[list[Any]]:
    """The answers of queries, in one statement: objects where a query selects one entity, otherwise rows.

    Objects are the session's own, as if each had been asked alone; what a query is to load with them is not loaded.
    """
    if not queries:
        return []
    session.flush()
    parts = [_Part(query) for query in queries]
    found = session.execute(select(*(part.as_json for part in parts))).one()
    return [part.read(session, _parse(rows)) for part, rows in zip(parts, found, strict=True)]


def prepare(session: Session, *queries: AnySelect | TextualSelect) -> None:
    """Read together what `ask` will be asked; the answers hold until a write, a lock, or the end of the transaction."""
    kept = session.info.get(_KEPT, {})
    missing = [query for query in queries if _identify(query) not in kept]
    keep(session, missing, read_together(session, *missing))


def keep(session: Session, queries: Iterable[AnySelect | TextualSelect], answers: Iterable[list[Any]]) -> None:
    """Keep the answers of queries, as `prepare` does."""
    kept = session.info.setdefault(_KEPT, {})
    kept.update(zip(map(_identify, queries), answers, strict=True))


def forget(session: Session) -> None:
    """Forget what was prepared: for who goes on to write."""
    session.info.pop(_KEPT, None)


def ask(session: Session, query: AnySelect | TextualSelect) -> list[Any]:
    """The answer of a query as `read_together` gives it: what was prepared, or else asked now."""
    kept = session.info.get(_KEPT)
    if kept and (answer := kept.get(_identify(query))) is not None:
        return list(answer)
    found = session.execute(query)
    return list(found.scalars() if isinstance(query, Select) and _is_entity(query) else found)


def _identify(query: AnySelect | TextualSelect) -> Any:
    """What tells queries apart: their form, and the values in it."""
    key = query._generate_cache_key()
    if key is None:
        raise TypeError("a query without a cache key cannot be prepared")
    return key.key, tuple(str(each.effective_value) for each in key.bindparams)


@event.listens_for(Session, "do_orm_execute")
def _forget_at_write_or_lock(state: ORMExecuteState) -> None:
    """What is read after a write, or under a lock, is read anew."""
    if _KEPT in state.session.info and not _only_reads(state.statement):
        forget(state.session)


def _only_reads(statement: Executable) -> bool:
    if isinstance(statement, TextClause):
        return _WRITES.search(statement.text) is None
    if not isinstance(statement, Select):
        return isinstance(statement, SelectBase)
    locks = any("lock" in str(told["name"]) for told in statement.column_descriptions)
    return statement._for_update_arg is None and not locks


@event.listens_for(Session, "after_flush")
def _forget_at_flush(session: Session, _context: Any) -> None:
    forget(session)


@event.listens_for(Session, "after_transaction_end")
def _forget_at_end(session: Session, _transaction: Any) -> None:
    forget(session)


def fill(statement: TextClause, **values: Any) -> TextClause:
    """The statement with its values, of the types that they have: left to guess, an instant would lose its zone."""
    given = [bindparam(name, value, _TYPES.get(type(value))) for name, value in values.items()]
    return statement.bindparams(*given)


class _Part:
    """One of the queries: what it selects, each an entity with all its columns or a column."""

    def __init__(self, query: AnySelect | TextualSelect) -> None:
        if isinstance(query, TextualSelect):
            query = select(query.subquery("part"))
        self._is_fresh = bool(query.get_execution_options().get("populate_existing"))
        self._selects = [_find_entity(told) or told["expr"] for told in query.column_descriptions]
        self._names = [str(told["name"]) for told in query.column_descriptions]
        columns = [each for one in self._selects for each in _list_columns(one)]
        self._decoders = [_find_decoder(column.type) for column in columns]
        rows = func.array(query.with_only_columns(func.json_build_array(*columns)).scalar_subquery())
        self.as_json = cast(func.array_to_json(rows), Text)

    def read(self, session: Session, rows: list[list[Any]]) -> list[Any]:
        """The answer, from its rows as they were in JSON."""
        if [Mapper] == [type(each) for each in self._selects]:
            return [self._build(session, row)[0] for row in rows]
        named = SimpleResultMetaData(self._names)
        return list(IteratorResult(named, (tuple(self._build(session, row)) for row in rows)).all())

    def _build(self, session: Session, row: list[Any]) -> list[Any]:
        values = map(_decode, row, self._decoders)
        return [
            _load(session, one, dict(zip(_list_keys(one), values, strict=False)), fresh=self._is_fresh)
            if isinstance(one, Mapper)
            else next(values)
            for one in self._selects
        ]


def _is_entity(query: AnySelect) -> bool:
    return len(query.column_descriptions) == 1 and _find_entity(query.column_descriptions[0]) is not None


def _find_entity(told: Any) -> Mapper[Any] | None:
    """What a query selects at a place, if that is an entity."""
    entity = told.get("entity")
    return inspect(entity) if entity is not None and told["expr"] is entity else None


def _list_columns(one: Any) -> tuple[Any, ...]:
    return _columns_of(one) if isinstance(one, Mapper) else (one,)


@cache
def _columns_of(mapper: Mapper[Any]) -> tuple[Column[Any], ...]:
    return tuple(mapper.columns)


@cache
def _list_keys(mapper: Mapper[Any]) -> list[str]:
    return [str(mapper.get_property_by_column(column).key) for column in _columns_of(mapper)]


def _load(session: Session, mapper: Mapper[Any], values: dict[str, Any], *, fresh: bool) -> Any:
    """The session's object of this identity: the one that it has, with these values if it is expired or `fresh`."""
    primary = tuple(values[str(each.key)] for each in mapper.primary_key)
    if None in primary:
        return None  # of an outer join
    key = mapper.identity_key_from_primary_key(primary)
    known = session.identity_map.get(key)
    if known is not None and not (fresh or inspect(known).expired):
        return known
    made = mapper.class_(**values)
    make_transient_to_detached(made)
    if known is not None:
        return session.merge(made, load=False)
    session.add(made)
    return made


@cache
def _find_decoder(kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    return next((decode for each, decode in _DECODERS if isinstance(kind, each)), None)


def _decode(value: Any, decode: Callable[[Any], Any] | None) -> Any:
    return value if value is None or decode is None else decode(value)
