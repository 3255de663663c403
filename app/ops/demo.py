"""Seeds the sandbox with accounts in every state and months of usage, through the rooms' own functions. Running it
again adds nothing: people are matched by address, events by id.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.api_keys import service
from app.accounts.orgs import clients, members
from app.accounts.orgs import service as orgs
from app.accounts.roles import ORG_SCOPES
from app.accounts.sign_in.passwords import hash_password
from app.accounts.sign_in.sign_up import create_user
from app.catalog.apply import apply_catalog
from app.catalog.queries import find_newest_version
from app.catalog.schemas import read_catalog
from app.kit.actor import SYSTEM
from app.metering.partitions import ensure_partitions
from app.metering.recorder import get_usage_recorder
from app.metering.recording.batch import BatchTerms, record_batch
from app.metering.rollups.fold import fold_rollups
from app.metering.schemas import Event
from app.ops.demo_cast import CALLER, CAST, CATALOGUE, CLIENTS, GUESTS, MONTHS_BEFORE, CastMember, DemoUse, Guest, uses
from app.ops.demo_money import ensure_companies
from app.settings import PROJECT
from app.subscriptions.overrides.service import NewOverride, give_override
from app.subscriptions.service import assign_plan
from app.web.database import transaction
from app.web.runtime import business_now, runtime, wall_now

AGE = timedelta(days=31 * (MONTHS_BEFORE + 1))
"""Age of the demo's orgs. Usage is generated from their first day, so a later run generates the same events."""
PAID_AFTER = timedelta(days=70)
_BATCH = 5000


@dataclass(frozen=True, slots=True)
class Account:
    """What a newcomer needs to sign in."""

    email: str
    password: str
    role: str
    state: str


def seed(report: Callable[[str], None], kept_key: str | None) -> tuple[list[Account], str]:
    """Create what is missing; return every account and a working API key: `kept_key` if it is still valid."""
    _ensure_catalogue(report)
    ensure_partitions(back=MONTHS_BEFORE + 2)
    accounts = [_ensure_actor(actor, report) for actor in CAST]
    accounts += [_ensure_guest(guest) for guest in GUESTS]
    ensure_companies(report)
    _update_rollups()
    return accounts, _ensure_key(kept_key)


def password_of(email: str) -> str:
    """The account's password: different in every installation, the same on every run."""
    secret = runtime().settings.secret_key.encode()
    mark = hmac.new(secret, f"demo:{email}".encode(), hashlib.sha256).digest()
    letters = base64.b32encode(mark).decode().lower()
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def as_dict(account: Account) -> dict[str, str]:
    """For demo.json."""
    return asdict(account)


def curl(base_url: str, key: str) -> str:
    """A line for a shell. Every paste has its own event id, so every paste counts."""
    event = r"{\"id\": \"try-$(date +%s)-$RANDOM\", \"meter\": \"api_calls\", \"quantity\": 10}"
    return (
        f'curl {base_url}/api/v1/usage/events -H "Authorization: Bearer {key}"'
        f' -H "Content-Type: application/json" -d "{event}"'
    )


def _ensure_catalogue(report: Callable[[str], None]) -> None:
    path: Path = PROJECT / CATALOGUE
    with transaction() as session:
        if find_newest_version(session, "pro") is not None and find_newest_version(session, "free") is not None:
            return
        report(f"applying {CATALOGUE}")
        catalogue = read_catalog(path.read_text(encoding="utf-8"), CATALOGUE)
        apply_catalog(session, catalogue, actor=SYSTEM, now=business_now())


def _ensure_actor(actor: CastMember, report: Callable[[str], None]) -> Account:
    """Create one person with their own org, its plan, clients and usage."""
    with transaction() as session:
        created, org_id, born = _ensure_person(session, actor.email, actor.name, staff=actor.staff)
        if created:
            report(f"{actor.email}: {actor.state}")
            _set_up_org(session, actor, org_id, born)
    if actor.calls:
        _record(org_id, actor, born + AGE)
    return Account(actor.email, password_of(actor.email), "staff" if actor.staff else "owner", actor.state)


def _ensure_person(session: Session, email: str, name: str, *, staff: bool = False) -> tuple[bool, UUID, datetime]:
    """Return whether the user was created, their own org and its first day."""
    user = queries.find_user_by_email(session, email)
    created = user is None
    if user is None:
        opened = (business_now() - AGE).replace(microsecond=0)
        user = create_user(session, email, name, hash_password(password_of(email)), verified=True, staff=staff,
                            actor=SYSTEM, now=wall_now(), opened_at=opened)  # fmt: skip
    if user is None:
        raise RuntimeError(f"{email} is being created by another run")
    own = next(choice for choice in queries.list_org_choices(session, user.id) if choice.role == "owner")
    return created, own.id, queries.get_org(session, own.id).created_at


def _set_up_org(session: Session, actor: CastMember, org_id: UUID, born: datetime) -> None:
    now = wall_now()
    orgs.change_settings(session, org_id, name=actor.org, time_zone=actor.zone, clients_listed_only=False,
                         actor=SYSTEM, now=now)  # fmt: skip
    if actor.calls:
        for ref, name in CLIENTS.items():
            clients.create_client(session, org_id, ref, name, actor=SYSTEM, now=now, created_at=born)
    if actor.paid:
        version = find_newest_version(session, "pro")
        if version is None:
            raise RuntimeError("the catalogue has no plan called pro")
        since = born + AGE - PAID_AFTER
        assign_plan(session, org_id, version.id, interval="month", currency="USD", actor=SYSTEM, now=since)
        agreed = NewOverride("limit:jobs_at_once", "25", "Agreed for the move of the archive", stays=True)
        give_override(session, org_id, agreed, actor=SYSTEM, now=business_now())


def _record(org_id: UUID, actor: CastMember, base: datetime) -> None:
    """Record all usage of the actor; events recorded before are not counted again."""
    pending = uses(actor, base)
    while batch := list(islice(pending, _BATCH)):
        oldest = min(use.at for use in batch)
        terms = BatchTerms(source="import", billable=True, limited=False, oldest=oldest)
        outcome = record_batch(get_usage_recorder(), org_id, [_build_event(use) for use in batch], key_id=None,
                               now=business_now(), terms=terms)  # fmt: skip
        if outcome.refused:
            raise RuntimeError(f"an event of the demo was refused: {outcome.refused[0]}")


def _build_event(use: DemoUse) -> Event:
    return Event(
        id=use.id,
        meter=use.meter,
        quantity=msgspec.Raw(str(use.quantity).encode()),
        occurred_at=use.at,
        kind=use.kind,
        provider=use.provider,
        endpoint="/v1/scan" if use.kind != "contract" else "/v1/analyze",
        user=use.user,
        client=use.client,
        **_answer(use),
    )


def _answer(use: DemoUse) -> dict[str, Any]:
    """How the call was answered, or what was scanned: the same in every run."""
    chance = zlib.crc32(use.id.encode()) % 1000
    if use.meter == "documents":
        return {"file_bytes": 40_000 * (chance + 1), "language": ("de", "en", "fr")[chance % 3]}
    if use.meter != "api_calls":
        return {}
    status = 500 if chance < 8 else 422 if chance < 35 else 200
    return {"status_code": status, "response_ms": 40 + chance * chance // 900}


def _ensure_guest(guest: Guest) -> Account:
    """Add one person to another actor's org."""
    host = next(actor for actor in CAST if actor.slug == guest.host)
    with transaction() as session:
        _, org_id, _ = _ensure_person(session, host.email, host.name)
        _ensure_person(session, guest.email, guest.name)
        user = queries.find_user_by_email(session, guest.email)
        if user is not None and all(member.user_id != user.id for member in queries.list_members(session, org_id)):
            members.join(session, org_id, user.id, guest.role, actor=SYSTEM, now=wall_now())
    return Account(guest.email, password_of(guest.email), guest.role, f"{guest.role} of {host.org}")


def _ensure_key(kept: str | None) -> str:
    """An API key of the caller's org; a new one only if the kept one is no longer valid."""
    caller = next(actor for actor in CAST if actor.slug == CALLER)
    with transaction() as session:
        _, org_id, _ = _ensure_person(session, caller.email, caller.name)
        open_keys = [row.key for row in queries.list_keys(session, org_id) if row.key.is_open(wall_now())]
        if kept and any(kept.startswith(key.prefix) and kept.endswith(key.last4) for key in open_keys):
            return kept
        created = service.create_key(session, org_id, "Demo", ORG_SCOPES.keys(), pepper=runtime().settings.key_pepper,
                                   actor=SYSTEM, now=wall_now())  # fmt: skip
        return created.secret


def _update_rollups() -> None:
    """Update the roll-ups now instead of waiting up to ten seconds for the worker."""
    more = True
    while more:
        with transaction() as session:
            more = fold_rollups(session, business_now()).more
