"""Runs the migrations as the owner, with timeouts, so that a waiting lock never blocks the writers queued behind it."""

from __future__ import annotations

from pathlib import Path

from alembic import context
from flask import current_app
from sqlalchemy import create_engine, text

from app.kit.postgres.connections import TCP
from migrations.apply_functions import apply_functions

ADVISORY_LOCK = 7_205_759_403
GRANTS = Path(__file__).with_name("grants.sql")


def run() -> None:
    settings = current_app.extensions["tollkeeper"].settings
    url = settings.owner_database_url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url, connect_args={**TCP})
    with engine.connect() as connection:
        connection.execute(text("SET lock_timeout = '2s'"))
        connection.execute(text("SET statement_timeout = '10min'"))
        connection.execute(text(f"SELECT pg_advisory_lock({ADVISORY_LOCK})"))
        connection.commit()
        metadata = current_app.extensions["migrate"].db.metadata
        context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()  # without migrations to run, the transaction that read the version is still open
        if _is_at_head():
            apply_functions(connection)
        connection.exec_driver_sql(GRANTS.read_text(encoding="utf-8").replace("%", "%%"))
        connection.commit()  # functions and their grants are committed together
    engine.dispose()


def _is_at_head() -> bool:
    """Whether the database is at head. After a downgrade or partial upgrade, tables that functions need are missing."""
    return context.get_context().get_current_heads() == tuple(context.script.get_heads())


run()
