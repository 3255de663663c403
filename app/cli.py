"""The `flask` command's nouns: each room registers the verbs it owns."""

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
from app.catalog.cli import group as catalog
from app.metering.cli import group as usage
from app.ops.cli import clock, demo, doctor
from app.payments.cli import group as stripe
from app.payments.price_push.cli import push_prices
from app.settings import Settings
from app.web.database import transaction


def register(app: Flask) -> None:
    """Add the commands to an app."""

    @contextmanager
    def door() -> Iterator[Session]:
        with app.app_context(), transaction() as session:
            yield session

    audit.context_settings["obj"] = door  # audit may not know Flask, so its door is handed in
    catalog.add_command(push_prices)  # what the catalogue sells, brought to Stripe: payments' verb under its noun
    for command in (accounts, audit, catalog, usage, stripe, clock, demo, doctor):
        app.cli.add_command(_reporting_lost_database(command, app.extensions["tollkeeper"].settings))


def _reporting_lost_database(command: click.Command, settings: Settings) -> click.Command:
    """The command, which names the cure instead of a traceback when no connection can be made."""
    reporting = copy(command)

    def invoke(context: click.Context) -> Any:
        try:
            return command.invoke(context)
        except (psycopg.OperationalError, sqlalchemy.exc.OperationalError) as error:
            cause = error.orig if isinstance(error, sqlalchemy.exc.OperationalError) else error
            if not isinstance(cause, psycopg.OperationalError) or cause.sqlstate is not None:  # a statement failed
                raise
            raise click.ClickException(f"The database does not answer. {settings.database_hint}\n{cause}") from None

    reporting.invoke = invoke  # type: ignore[assignment, method-assign]  # click hands commands over as objects
    return reporting
