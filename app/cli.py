"""The `flask` command's nouns: each room registers the verbs it owns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy.orm import Session

from app.accounts.cli import group as accounts
from app.audit.cli import group as audit
from app.catalog.cli import group as catalog
from app.metering.cli import group as usage
from app.payments.cli import group as stripe
from app.payments.push_cli import push_prices
from app.portal.cli import clock, demo, doctor
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
        app.cli.add_command(command)
