"""`flask accounts`: users and keys made by an operator, and the check of the sealed sign-in log."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

import click
from email_validator import EmailNotValidError, validate_email
from flask.cli import AppGroup

from app.accounts.api_keys import service
from app.accounts.orgs.roles import ORG_SCOPES, STAFF_SCOPES
from app.accounts.sign_in import log, passwords, sign_up
from app.kit.actor import SYSTEM
from app.kit.errors import InvalidRequest, NotFound
from app.web.database import session, transaction
from app.web.runtime import business_now, runtime, wall_now

group = AppGroup("accounts", help="Users, organisations and API keys.")
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@group.command("create-user")
@click.argument("email")
@click.option("--name", help="The name that others see; the address's first part when left out.")
@click.option("--staff", is_flag=True, help="May open the staff pages.")
@click.option("--verified", is_flag=True, help="The address counts as confirmed.")
@click.password_option(help="Asked for when left out; an argument is seen by others on the machine.")
@_AS_JSON
def create_user(email: str, name: str | None, password: str, *, staff: bool, verified: bool, as_json: bool) -> None:
    """Make a user with an organisation of their own.

    Example: flask accounts create-user ada@example.com --name "Ada Lovelace" --staff --verified
    """
    email = _address(email)
    name = name or email.split("@", maxsplit=1)[0]
    refused = passwords.refusal(password, name, email)
    if refused:
        raise click.BadParameter(refused, param_hint="--password")
    hashed = passwords.hash_password(password)
    with transaction() as open_session:
        user = sign_up.create_user(
            open_session,
            email,
            name,
            hashed,
            verified=verified,
            staff=staff,
            actor=SYSTEM,
            now=wall_now(),
            opened_at=business_now(),
        )
        if user is None:
            raise click.ClickException(f"{email} has an account already.")
        made = {"id": str(user.id), "email": email, "staff": staff, "verified": verified}
    _say(made, f"Made {email}.", as_json=as_json)


@group.command("create-key")
@click.option("--org", "org_id", type=click.UUID, help="The organisation's id; without it the key is of staff.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice([*ORG_SCOPES, *STAFF_SCOPES]), required=True)
@click.option("--name", default="Made by a command", show_default=True)
@click.option("--days", type=click.IntRange(min=1), help="Expires after so many days; never when left out.")
@_AS_JSON
def create_key(org_id: UUID | None, scopes: tuple[str, ...], name: str, days: int | None, *, as_json: bool) -> None:
    """Make an API key and print its secret, this once.

    Example: flask accounts create-key --org 01a1fba2-... --scope usage:write --scope usage:read --days 90
    """
    now = wall_now()
    try:
        with transaction() as open_session:
            made = service.create_key(
                open_session,
                org_id,
                name,
                scopes,
                pepper=runtime().settings.key_pepper,
                expires_at=now + timedelta(days=days) if days else None,
                actor=SYSTEM,
                now=now,
            )
            facts = {"id": str(made.row.id), "key": made.secret, "scopes": made.row.scopes}
    except InvalidRequest as wrong:
        raise click.UsageError("; ".join(error.detail for error in wrong.errors)) from wrong
    except NotFound as wrong:
        raise click.BadParameter(wrong.detail, param_hint="--org") from wrong
    _say(facts, made.secret, as_json=as_json)


@group.command("verify-sign-ins")
@_AS_JSON
def verify_sign_ins(*, as_json: bool) -> None:
    """Compare the sign-in log with its daily seals; exit 1 and name the days that do not match.

    Example: flask accounts verify-sign-ins --json
    """
    sealed, broken = log.broken_seals(session())
    words = "\n".join(
        [*(f"{day}: the entries are not those that were sealed" for day in broken), f"{sealed} days sealed"]
    )
    _say({"sealed": sealed, "broken": broken}, words, as_json=as_json)
    sys.exit(1 if broken else 0)


def _address(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError as wrong:
        raise click.BadParameter(str(wrong), param_hint="EMAIL") from wrong


def _say(facts: dict[str, Any], words: str, *, as_json: bool) -> None:
    click.echo(json.dumps(facts) if as_json else words)
