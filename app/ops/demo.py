"""Seeds the sandbox: accounts in every state with months of usage, through the rooms' own verbs. A second run adds
nothing: people are found by address, events by id.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy.orm import Session

from app.accounts import queries
from app.accounts.api_keys import service
from app.accounts.models import Membership, User
from app.accounts.orgs import clients
from app.accounts.orgs import service as orgs
from app.accounts.orgs.roles import ORG_SCOPES
from app.accounts.sign_in.passwords import hash_password
from app.accounts.sign_in.sign_up import create_user
from app.audit.service import write
from app.catalog.apply import apply_catalog
from app.catalog.queries import find_newest_version
from app.catalog.schemas import read_catalog
from app.kit.actor import SYSTEM
from app.metering.partitions import ensure_partitions
from app.metering.recording.batch import BatchTerms, record_batch
from app.metering.recording.recorder import get_usage_recorder
from app.metering.rollups.fold import fold_rollups
from app.metering.schemas import Event
from app.ops.demo_cast import CALLER, CAST, CATALOGUE, CLIENTS, GUESTS, MONTHS_BEFORE, CastMember, DemoUse, Guest, uses
from app.settings import PROJECT
from app.subscriptions.service import assign_plan
from app.web.database import transaction
from app.web.runtime import business_now, runtime, wall_now

AGE = timedelta(days=31 * (MONTHS_BEFORE + 1))
"""How old the demo's orgs are; what they used is told from their first day, so a later run tells the same."""
PAID_AFTER = timedelta(days=70)
_BATCH = 5000


@dataclass(frozen=True, slots=True)
class Account:
    """What the newcomer needs to sign in."""

    email: str
    password: str
    role: str
    state: str


def seed(told: Callable[[str], None], kept_key: str | None) -> tuple[list[Account], str]:
    """Make what is missing; returns every account and an API key that works: `kept_key` when it still does."""
    _catalogue(told)
    ensure_partitions(back=MONTHS_BEFORE + 2)
    accounts = [_act(actor, told) for actor in CAST]
    accounts += [_join(guest) for guest in GUESTS]
    _fold()
    return accounts, _key(kept_key)


def password_of(email: str) -> str:
    """The account's password: another in each installation, the same at each run."""
    secret = runtime().settings.secret_key.encode()
    mark = hmac.new(secret, f"demo:{email}".encode(), hashlib.sha256).digest()
    letters = base64.b32encode(mark).decode().lower()
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def as_dict(account: Account) -> dict[str, str]:
    """For demo.json."""
    return asdict(account)


def curl(base_url: str, key: str) -> str:
    """A line for a shell; each paste has an id of its own, so that each counts."""
    event = r"{\"id\": \"try-$(date +%s)-$RANDOM\", \"meter\": \"api_calls\", \"quantity\": 10}"
    return (
        f'curl {base_url}/api/v1/usage/events -H "Authorization: Bearer {key}"'
        f' -H "Content-Type: application/json" -d "{event}"'
    )


def _catalogue(told: Callable[[str], None]) -> None:
    path: Path = PROJECT / CATALOGUE
    with transaction() as session:
        if find_newest_version(session, "pro") is not None and find_newest_version(session, "free") is not None:
            return
        told(f"applying {CATALOGUE}")
        catalogue = read_catalog(path.read_text(encoding="utf-8"), CATALOGUE)
        apply_catalog(session, catalogue, actor=SYSTEM, now=business_now())


def _act(actor: CastMember, told: Callable[[str], None]) -> Account:
    """One person with an org of their own, its plan, clients and usage."""
    with transaction() as session:
        made, org_id, born = _person(session, actor.email, actor.name, staff=actor.staff)
        if made:
            told(f"{actor.email}: {actor.state}")
            _furnish(session, actor, org_id, born)
    if actor.calls:
        _record(org_id, actor, born + AGE)
    return Account(actor.email, password_of(actor.email), "staff" if actor.staff else "owner", actor.state)


def _person(session: Session, email: str, name: str, *, staff: bool = False) -> tuple[bool, UUID, datetime]:
    """The user's own org and its first day; the user is made when missing."""
    found = queries.user_by_email(session, email)
    made = found is None
    if found is None:
        opened = (business_now() - AGE).replace(microsecond=0)
        found = create_user(session, email, name, hash_password(password_of(email)), verified=True, staff=staff,
                            actor=SYSTEM, now=wall_now(), opened_at=opened)  # fmt: skip
    if found is None:
        raise RuntimeError(f"{email} is being made by another run")
    own = next(choice for choice in queries.org_choices(session, found.id) if choice.role == "owner")
    return made, own.id, queries.org(session, own.id).created_at


def _furnish(session: Session, actor: CastMember, org_id: UUID, born: datetime) -> None:
    now = wall_now()
    orgs.change_settings(session, org_id, name=actor.org, time_zone=actor.zone, address={}, tax_id=None,
                         actor=SYSTEM, now=now)  # fmt: skip
    if actor.calls:
        for ref, name in CLIENTS.items():
            clients.create_client(session, org_id, ref, name, actor=SYSTEM, now=now, created_at=born)
    if actor.paid:
        version = find_newest_version(session, "pro")
        if version is None:
            raise RuntimeError("the catalogue has no plan pro")
        since = born + AGE - PAID_AFTER
        assign_plan(session, org_id, version.id, interval="month", currency="USD", actor=SYSTEM, now=since)


def _record(org_id: UUID, actor: CastMember, base: datetime) -> None:
    """Report all that was used; what is known already counts no second time."""
    coming = uses(actor, base)
    while batch := list(islice(coming, _BATCH)):
        oldest = min(use.at for use in batch)
        terms = BatchTerms(source="import", billable=True, limited=False, oldest=oldest)
        outcome = record_batch(get_usage_recorder(), org_id, [_event(use) for use in batch], key_id=None,
                               now=business_now(), terms=terms)  # fmt: skip
        # An older release may have told the same event in other words; then it stands as it was told.
        wrong = [each for each in outcome.refused if each.code != "id_conflict"]
        if wrong:
            raise RuntimeError(f"an event of the demo was refused: {wrong[0]}")


def _event(use: DemoUse) -> Event:
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
    )


def _join(guest: Guest) -> Account:
    """One person who works in another's org."""
    host = next(actor for actor in CAST if actor.slug == guest.host)
    with transaction() as session:
        _, org_id, _ = _person(session, host.email, host.name)
        _person(session, guest.email, guest.name)
        user = queries.user_by_email(session, guest.email)
        if user is not None and session.get(Membership, (org_id, user.id)) is None:
            _make_member(session, org_id, user, guest.role)
    return Account(guest.email, password_of(guest.email), guest.role, f"{guest.role} of {host.org}")


def _make_member(session: Session, org_id: UUID, user: User, role: str) -> None:
    now = wall_now()
    session.add(Membership(org_id=org_id, user_id=user.id, role=role, created_at=now, chosen_at=now))
    session.flush()
    write(session, SYSTEM, "member.joined", on=("user", user.id), org_id=org_id, after={"role": role}, now=now)


def _key(kept: str | None) -> str:
    """An API key of the caller's org; a new one only when the kept one is no longer known."""
    caller = next(actor for actor in CAST if actor.slug == CALLER)
    with transaction() as session:
        _, org_id, _ = _person(session, caller.email, caller.name)
        open_keys = [row.key for row in queries.keys(session, org_id) if row.key.is_open(wall_now())]
        if kept and any(kept.startswith(key.prefix) and kept.endswith(key.last4) for key in open_keys):
            return kept
        made = service.create_key(session, org_id, "Demo", ORG_SCOPES.keys(), pepper=runtime().settings.key_pepper,
                                   actor=SYSTEM, now=wall_now())  # fmt: skip
        return made.secret


def _fold() -> None:
    """Bring the roll-ups up to date; otherwise the worker does within a minute."""
    more = True
    while more:
        with transaction() as session:
            more = fold_rollups(session, business_now()).more
