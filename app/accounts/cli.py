"""`flask accounts`: creates users and keys, and verifies the sealed sign-in log."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import click
from email_validator import EmailNotValidError, validate_email
from flask.cli import AppGroup

from app.accounts.api_keys import service
from app.accounts.roles import ORG_SCOPES, STAFF_SCOPES
from app.accounts.sign_in import log, password_rules, passwords, sign_up
from app.accounts.tasks import midnight_before
from app.kit.actor import SYSTEM
from app.kit.errors import InvalidRequest, NotFound
from app.kit.text import hides_characters
from app.web.database import session, transaction
from app.web.runtime import business_now, runtime, wall_now

group = AppGroup("accounts", help="Users, organisations and API keys.")
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@group.command("create-user")
@click.argument("email")
@click.option("--name", help="The display name. Default: the part of the address before the @.")
@click.option("--staff", is_flag=True, help="Give access to the staff pages.")
@click.option("--staff-owner", is_flag=True, help="The same, and let them delete what others of the staff wrote.")
@click.option("--verified", is_flag=True, help="Mark the address as confirmed.")
@click.password_option(help="Prompted for if omitted. Other users of the machine can see command-line arguments.")
@_AS_JSON
def create_user(
    email: str, name: str | None, password: str, *, staff: bool, staff_owner: bool, verified: bool, as_json: bool
) -> None:
    """Create a user with their own organisation.

    Example: flask accounts create-user ada@example.com --name "Ada Lovelace" --staff --verified
    """
    email = _parse_email(email)
    name = name or email.split("@", maxsplit=1)[0]
    if hides_characters(name):
        raise click.BadParameter("A name can't contain invisible characters.", param_hint="--name")
    problem = password_rules.find_problem(password, name, email)
    if problem:
        raise click.BadParameter(problem, param_hint="--password")
    hashed = passwords.hash_password(password)
    with transaction() as open_session:
        user = sign_up.create_user(
            open_session,
            email,
            name,
            hashed,
            verified=verified,
            staff=staff,
            staff_owner=staff_owner,
            actor=SYSTEM,
            now=wall_now(),
            opened_at=business_now(),
        )
        if user is None:
            raise click.ClickException(f"{email} already has an account.")
        created = {"id": str(user.id), "email": email, "staff": staff or staff_owner, "verified": verified}
    _print(created, f"Created {email}.", as_json=as_json)


@group.command("create-key")
@click.option("--org", "org_id", type=click.UUID, help="The organisation's id. Without it, a staff key is created.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice([*ORG_SCOPES, *STAFF_SCOPES]), required=True)
@click.option("--name", default="Created on the command line", show_default=True)
@click.option("--days", type=click.IntRange(min=1), help="Days until the key expires. Default: never.")
@_AS_JSON
def create_key(org_id: UUID | None, scopes: tuple[str, ...], name: str, days: int | None, *, as_json: bool) -> None:
    """Create an API key and print its secret, which is shown only once.

    Example: flask accounts create-key --org 01a1fba2-... --scope usage:write --scope usage:read --days 90
    """
    now = wall_now()
    try:
        with transaction() as open_session:
            created = service.create_key(
                open_session,
                org_id,
                name,
                scopes,
                pepper=runtime().settings.key_pepper,
                expires_at=now + timedelta(days=days) if days else None,
                actor=SYSTEM,
                now=now,
            )
            facts = {"id": str(created.row.id), "key": created.secret, "scopes": created.row.scopes}
    except InvalidRequest as error:
        raise click.UsageError("; ".join(item.detail for item in error.errors)) from error
    except NotFound as error:
        raise click.BadParameter(error.detail, param_hint="--org") from error
    _print(facts, created.secret, as_json=as_json)


@group.command("verify-sign-ins")
@_AS_JSON
def verify_sign_ins(*, as_json: bool) -> None:
    """Compare the sign-in log with its daily seals; exit 1 if a day differs, or has no seal a day after it closed.

    Example: flask accounts verify-sign-ins --json
    """
    report = log.check_seals(session(), midnight_before(wall_now() - log.DAY))
    differ = [f"{day}: the entries differ from those that were sealed" for day in report.broken]
    absent = [f"{day}: not sealed; the worker seals each closed day" for day in report.missing]
    summary = "\n".join([*differ, *absent, f"{report.sealed} days sealed"])
    _print(asdict(report), summary, as_json=as_json)
    sys.exit(1 if report.broken or report.missing else 0)


def _parse_email(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise click.BadParameter(str(error), param_hint="EMAIL") from error


def _print(facts: dict[str, Any], summary: str, *, as_json: bool) -> None:
    click.echo(json.dumps(facts) if as_json else summary)
