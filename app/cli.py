"""Registers the `flask` commands: one group per room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import click
import psycopg
import sqlalchemy.exc
from flask import Flask
from sqlalchemy.orm import Session

from app.accounts.cli import group as accounts
from app.audit.cli import group as audit
from app.billing_runs.cli import group as billing
from app.catalog.cli import group as catalog
from app.kit.errors import Unavailable
from app.metering.cli import group as usage
from app.ops.cli import clock, demo, doctor
from app.payments.cli import group as stripe
from app.payments.price_push.cli import push_prices
from app.settings import Settings
from app.web.database import transaction


def register(app: Flask) -> None:
    """Add the commands to an app."""

    @contextmanager
    def open_transaction() -> Iterator[Session]:
        with app.app_context(), transaction() as session:
            yield session

    audit.context_settings["obj"] = open_transaction  # audit must not import Flask, so the transaction is passed in
    catalog.add_command(push_prices)  # belongs to payments, but reads best as `flask catalog push`
    for command in (accounts, audit, catalog, usage, billing, stripe, clock, demo, doctor):
        app.cli.add_command(_wrap_lost_database(command, app.extensions["tollkeeper"].settings))


def _wrap_lost_database(command: click.Command, settings: Settings) -> click.Command:
    """Wrap the command so that a lost database connection prints what to do instead of a traceback."""
    wrapped = copy(command)

    def invoke(context: click.Context) -> Any:
        try:
            return command.invoke(context)
        except (psycopg.OperationalError, sqlalchemy.exc.OperationalError) as error:
            cause = error.orig if isinstance(error, sqlalchemy.exc.OperationalError) else error
            if not isinstance(cause, psycopg.OperationalError) or cause.sqlstate is not None:  # the statement failed
                raise
            raise click.ClickException(f"Cannot reach the database. {settings.database_hint}\n{cause}") from None
        except Unavailable as failed:
            raise click.ClickException(failed.detail) from None

    wrapped.invoke = invoke  # type: ignore[assignment, method-assign]  # Click passes commands around as objects
    return wrapped
