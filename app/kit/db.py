"""The database: one declarative base, one naming convention, one engine, one function that commits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Engine, MetaData, Numeric, Text, Uuid, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session, registry

from app.kit.clock import Clocks
from app.kit.postgres.connections import (
    TCP,
    LimitedConnection,
    check_in,
    check_out,
    extend_wait,
    server_limit,
    set_limit,
)
from app.kit.postgres.lost_answers import explain, is_lost

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

_CLOCKS = "tollkeeper.clocks"
_EXTEND = text("SELECT set_config('statement_timeout', :statements, true), set_config('lock_timeout', :locks, true)")
# The migration that the database is at, and whether it has the queue.
SCHEMA_STATE = "SELECT (SELECT version_num FROM alembic_version), to_regclass('procrastinate_jobs') IS NOT NULL"


class Base(DeclarativeBase):
    """The base of every table."""

    registry = registry(
        metadata=MetaData(naming_convention=NAMING),
        type_annotation_map={
            str: Text,
            UUID: Uuid(as_uuid=True),
            datetime: DateTime(timezone=True),
            Decimal: Numeric,
        },
    )


def bind_clocks(session: Session, clocks: Clocks) -> None:
    """Give the session the clocks by which its audit entries are dated."""
    session.info[_CLOCKS] = clocks


def read_clocks(session: Session, otherwise: datetime) -> tuple[datetime, datetime]:
    """Business and wall time by the session's clocks; `otherwise` for both if it has none."""
    clocks: Clocks | None = session.info.get(_CLOCKS)
    return (clocks.business.now(), clocks.wall.now()) if clocks else (otherwise, otherwise)


@contextmanager
def transaction(session: Session) -> Iterator[Session]:
    """Run the block in one transaction: commit at the end, roll back on any error. For entry points only.

    Raises `OutcomeUnknown` if the answer to the commit was lost.
    """
    try:
        yield session
        session.flush()
    except BaseException:
        session.rollback()
        raise
    try:
        session.commit()
    except BaseException as error:
        session.rollback()
        if isinstance(error, DBAPIError) and is_lost(error):
            raise explain(error, maybe_done=True) from error
        raise


@contextmanager
def rolled_back(session: Session) -> Iterator[None]:
    """Run the block in a savepoint and roll it back, with the locks that it took; its transaction goes on."""
    session.flush()
    savepoint = session.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()
        session.expire_all()


def engine_options(statement_limit: timedelta | None) -> dict[str, Any]:
    """Arguments of `create_engine`; call `limit_waits` on the engine with the same limit."""
    options = f"-c statement_timeout={server_limit(statement_limit)} -c lock_timeout=2s"
    return {
        "pool_size": 5,
        "pool_timeout": 2,
        "hide_parameters": True,  # errors are logged; what people typed must not be
        "connect_args": {"options": options},
    }


def extend_limits(session: Session, statements: timedelta | None, *, locks: timedelta) -> None:
    """Give the session's transaction longer for each statement and each lock; None: as long as it takes.

    Both ends of the connection wait longer. What has no limit, a command's statements, keeps none.
    """
    connection = session.connection().connection.driver_connection
    if isinstance(connection, LimitedConnection):
        statements = extend_wait(connection, statements)
    session.execute(_EXTEND, {"statements": server_limit(statements), "locks": server_limit(locks)})


def limit_waits(engine: Engine, statement_limit: timedelta | None) -> None:
    """Make the engine open limited connections, and replace all of a pool once one of them is found dead."""

    def open_connection(_dialect: Any, _record: Any, cargs: list[Any], cparams: dict[str, Any]) -> LimitedConnection:
        connection = LimitedConnection.connect(*cargs, **{**cparams, **TCP})
        set_limit(connection, statement_limit)
        return connection

    event.listen(engine, "do_connect", open_connection)
    event.listen(engine, "checkout", check_out)
    event.listen(engine, "checkin", check_in)
