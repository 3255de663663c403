"""Rows that tests start from, made through the rooms' own verbs, committed; a test names only what it cares about."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.api_keys import service
from app.accounts.identity import RequestOrigin
from app.accounts.models import Membership, Org, User
from app.accounts.orgs.service import create_org
from app.accounts.sign_in import passwords, sessions
from app.accounts.sign_in.session_user import find_session_user
from app.catalog import queries as catalog
from app.catalog.apply import apply_catalog, publish_version
from app.catalog.models import Meter, Plan, PlanVersion
from app.catalog.schemas import read_catalog
from app.kit.actor import SYSTEM
from app.kit.ids import new_id
from app.settings import PROJECT
from app.subscriptions.service import assign_plan
from app.web.runtime import business_now, runtime, wall_now
from tests.pages import Browser
from tests.support.roles import BY_HAND

PASSWORD = "seven purple walruses"
ALL_SCOPES = ("usage:write", "usage:read", "billing:read", "billing:write")


def unique(word: str = "x") -> str:
    """A word that no other test uses."""
    return f"{word}-{uuid4().hex[:10]}"


def make_user(
    session: Session,
    *,
    email: str | None = None,
    password: str | None = None,
    verified: bool = True,
    staff: bool = False,
    staff_owner: bool = False,
    name: str = "Ada Example",
) -> User:
    """A user without an org. Without a password none is hashed, which saves 40 ms."""
    user = User(
        id=new_id(),
        email=email or f"{unique('user')}@example.com",
        name=name,
        password_hash=passwords.hash_password(password) if password else None,
        email_verified_at=wall_now() if verified else None,
        staff=staff or staff_owner,
        staff_owner=staff_owner,
        created_at=wall_now(),
    )
    session.add(user)
    session.commit()
    return user


def make_org(session: Session, *, name: str | None = None, time_zone: str = "UTC", currency: str | None = None) -> Org:
    """An org without members, opened at the business clock's now."""
    org = create_org(
        session,
        name or unique("Org"),
        owner_id=None,
        actor=SYSTEM,
        now=wall_now(),
        opened_at=business_now(),
        time_zone=time_zone,
        currency=currency,
    )
    session.commit()
    return org


def make_member(session: Session, org: Org, role: str = "owner", **user: object) -> User:
    """A user with a role in the org."""
    made = make_user(session, **user)  # type: ignore[arg-type]
    session.add(Membership(org_id=org.id, user_id=made.id, role=role, created_at=wall_now()))
    session.commit()
    return made


def make_key(
    session: Session, org: Org | None, *, scopes: Collection[str] = ALL_SCOPES, expires_at: datetime | None = None
) -> str:
    """An API key of the org (of staff when none); returns the secret."""
    made = service.create_key(
        session,
        org.id if org else None,
        "Test key",
        scopes,
        pepper=runtime().settings.key_pepper,
        expires_at=expires_at,
        actor=SYSTEM,
        now=wall_now(),
    )
    session.commit()
    return made.secret


@dataclass(frozen=True)
class MadePlan:
    """A published plan version: plain facts, which no commit expires."""

    version_id: UUID
    key: str
    meters: tuple[str, ...]

    @property
    def meter(self) -> str:
        """The key of its first meter."""
        return self.meters[0]


def have_default_plan(session: Session) -> MadePlan:
    """The default plan; the shipped scan_api catalogue is applied where no test has applied another before."""
    _have_catalogue(session)
    return _made(catalog.find_default_version(session))


def _have_catalogue(session: Session) -> None:
    if catalog.find_default_version_id(session) is None:
        text = (PROJECT / "catalogs" / "scan_api.toml").read_text(encoding="utf-8")
        apply_catalog(session, read_catalog(text, "scan_api.toml"), actor=SYSTEM, now=business_now())
        session.commit()


def find_plan(session: Session, key: str) -> MadePlan:
    """The newest version of a plan of the catalogue."""
    _have_catalogue(session)
    return _made(catalog.find_newest_version(session, key))


CENT_EACH = 'model = "per_unit"\nunit_amount = "0.01"'


def make_plan(
    session: Session, *, allowance: object = 10, policy: str = "block", charged: str = "", said: str = "",
    sold: tuple[str, str, str] = ("USD", "10.00", "100.00"), priced: str = CENT_EACH,
    aggregation: str = "sum", meter: str = "", **more: object,
) -> MadePlan:  # fmt: skip
    """A public plan of its own, until the next test makes one; under `charge` a unit above the allowance is a cent.

    Plans share a meter for each aggregation, unless they name one: terms are written for every meter there is.

    `sold` is its currency and its prices a month and a year, `priced` the TOML of another price of a unit; `said` and
    `charged` are further TOML of the plan and of its charge. `more` are further keys of the allowance: per_day=5,
    hard_limit=20.

    `apply_catalog` would compare with every plan there is: those of hundreds of tests.
    """
    _have_catalogue(session)
    key, measure, (currency, month, year) = unique("plan").replace("-", "_"), meter or f"units_{aggregation}", sold
    _hide_plans_of_other_tests(session, key)
    granted = "".join(f"{name} = {json.dumps(value)}\n" for name, value in {"allowance": allowance, **more}.items())
    charge = f"""[[plans.{key}.charges]]\nkey = "use"\nmeter = "{measure}"\ncurrency = "{currency}"
        {priced}\n{charged}
    """
    text = f"""
        [meters.{measure}]\nname = "Units"\nunit = "unit"\naggregation = "{aggregation}"
        [plans.{key}]\nname = "{key}"\nsummary = "A plan."\n{said}
        prices.{currency} = {{ month = "{month}", year = "{year}" }}
        [plans.{key}.limits]\njobs_at_once = 1\nfile_bytes = 1000
        requests_per_minute = "unlimited"\nretention_days = 30
        [plans.{key}.meters.{measure}]\npolicy = "{policy}"\n{granted}{charge if policy == "charge" else ""}
    """
    read = read_catalog(text, "factory")
    wanted, measured = read.plans[key], read.meters[measure]
    used = session.scalar(select(Meter).where(Meter.key == measure)) or Meter(
        key=measured.key, name=measured.name, unit=measured.unit, aggregation=measured.aggregation
    )
    plan = Plan(
        id=new_id(), key=key, name=wanted.name, summary=wanted.summary, public=True, is_default=False,
        position=wanted.position,
    )  # fmt: skip
    session.add_all([used, plan])
    session.flush()
    version = publish_version(session, plan, wanted, 1, {used.key: used.id}, now=business_now())
    made = MadePlan(version.id, key, (used.key,))
    session.commit()
    return made


_made_by: dict[str, set[str]] = {}
"""Plans that the running test has made, by its name: one entry."""


def _hide_plans_of_other_tests(session: Session, key: str) -> None:
    """Keep what a page offers to what a test has made, so that a page is as fast after hundreds of them."""
    test = os.environ["PYTEST_CURRENT_TEST"].rsplit(" ", 1)[0]
    if test not in _made_by:
        _made_by.clear()
    own = _made_by.setdefault(test, set())
    own.add(key)
    others = Plan.public, Plan.key.like("plan\\_%"), Plan.key.not_in(own)
    session.execute(update(Plan).where(*others).values(public=False))


def publish_again(
    session: Session, plan: MadePlan, *, allowance: object, policy: str = "block", month: str = "12.00",
    year: str = "120.00",
) -> None:  # fmt: skip
    """A newer version of a plan of `make_plan` with another allowance; under `charge` a unit above it is a cent."""
    charge = f"""[[plans.{plan.key}.charges]]\nkey = "use"\nmeter = "{plan.meter}"\ncurrency = "USD"
        model = "per_unit"\nunit_amount = "0.01"
    """
    text = f"""
        [meters.{plan.meter}]\nname = "Units"\nunit = "unit"\naggregation = "sum"
        [plans.{plan.key}]\nname = "{plan.key}"\nsummary = "A plan."
        prices.USD = {{ month = "{month}", year = "{year}" }}
        [plans.{plan.key}.meters.{plan.meter}]\npolicy = "{policy}"\nallowance = {allowance}
        {charge if policy == "charge" else ""}
        [plans.{plan.key}.limits]\njobs_at_once = 1\nfile_bytes = 1000
        requests_per_minute = "unlimited"\nretention_days = 30
    """
    found = session.scalars(select(Plan).where(Plan.key == plan.key)).one()
    meters = {meter.key: meter.id for meter in catalog.list_meters(session)}
    publish_version(session, found, read_catalog(text, "factory").plans[plan.key], 2, meters, now=business_now())
    session.commit()


def _made(version: PlanVersion | None) -> MadePlan:
    assert version is not None
    return MadePlan(version.id, version.plan.key, tuple(each.meter.key for each in version.meters))


def subscribe(session: Session, org: Org, plan: MadePlan, *, interval: str = "month") -> None:
    """Put the org on a plan, now, as staff do."""
    assign_plan(session, org.id, plan.version_id, interval=interval, currency="USD", actor=SYSTEM, now=business_now())
    session.commit()


def allow_any_change(session: Session) -> None:
    """For the rest of its transaction, let it bring rows into a state that no act of the product brings them into."""
    session.execute(BY_HAND)
    session.execute(sa.text("SET LOCAL session_replication_role = replica"))


def bearer(key: str) -> dict[str, str]:
    """The headers of an API call."""
    return {"Authorization": f"Bearer {key}"}


def signed_in(app: Flask, session: Session, user: User, org: Org | None = None) -> FlaskClient:
    """A browser that has a session of the user, working in the org."""
    token, _ = sessions.open_session(session, user.id, org.id if org else None, RequestOrigin(), now=wall_now())
    session.commit()
    return Browser(app, app.response_class, user=find_session_user(token, None, now=wall_now()))


def utc(text: str) -> datetime:
    """An instant from "2026-11-21 12:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
