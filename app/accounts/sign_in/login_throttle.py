"""Limits on guessing passwords and sending invitations, stored in PostgreSQL so that they survive a restart.

A window opens with its first attempt. Attempts are counted before the secret is checked, in their own transaction, so
parallel guesses cannot slip through. Callers count them in one fixed order of kinds, which prevents deadlocks.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.accounts.auth_models import Attempt
from app.web.runtime import runtime


@dataclass(frozen=True)
class AttemptLimit:
    """At most `count` attempts within a time."""

    count: int
    within: timedelta


@dataclass(frozen=True)
class Claim:
    """One attempt at one bucket."""

    bucket: str
    limit: AttemptLimit


@dataclass(frozen=True)
class Throttled:
    """An attempt too many: when to try again, and whether it is the first refused by this bucket until then."""

    until: datetime
    is_first: bool


FIVE_MINUTES = timedelta(minutes=5)
SIGN_IN = AttemptLimit(10, FIVE_MINUTES)
SIGN_IN_ALL = AttemptLimit(1000, FIVE_MINUTES)
SIGN_UP = AttemptLimit(100, timedelta(hours=1))
INVITE, INVITE_ONE = AttemptLimit(50, timedelta(days=1)), AttemptLimit(3, timedelta(days=1))
PASSWORD_CHECK = AttemptLimit(10, FIVE_MINUTES)


def sign_in_claims(email: str, address: str | None, device: str | None) -> list[Claim]:
    """The buckets that a sign-in counts against.

    A device that has signed in as this user before has its own budget: strangers who guess the user's password fill
    the user's bucket, and the user can still sign in. A network above its own limit fills nobody's.
    """
    if device is not None:
        return [Claim(f"sign_in:device:{device}:{email_mark(email)}", SIGN_IN)]
    return [
        Claim(f"sign_in:address:{address_mark(address)}", SIGN_IN),
        Claim(f"sign_in:user:{email_mark(email)}", SIGN_IN),
        Claim("sign_in:all", SIGN_IN_ALL),
    ]


def invitation_claims(org_id: UUID, user_id: UUID, email: str) -> list[Claim]:
    """The buckets that an invitation counts against: of the org, of who sends it, and of the org towards one person.

    None belongs to the person alone, so no stranger can use up the invitations that others send them.
    """
    return [
        Claim(f"invite:org:{org_id}", INVITE),
        Claim(f"invite:sender:{user_id}", INVITE),
        Claim(f"invite:pair:{org_id}:{email_mark(email)}", INVITE_ONE),
    ]


def count_attempt(session: Session, claims: Iterable[Claim], now: datetime) -> Throttled | None:
    """Count one attempt against the buckets, up to one that is full; None if none is."""
    for item in claims:
        ended = Attempt.ends_at <= now
        first = insert(Attempt).values(bucket=item.bucket, count=1, ends_at=now + item.limit.within)
        counted = first.on_conflict_do_update(
            index_elements=[Attempt.bucket],
            set_={
                "count": case((ended, 1), else_=Attempt.count + 1),
                "ends_at": case((ended, first.excluded.ends_at), else_=Attempt.ends_at),
            },
        ).returning(Attempt.count, Attempt.ends_at)
        count, ends_at = session.execute(counted).one()
        if count > item.limit.count:
            return Throttled(ends_at, is_first=count == item.limit.count + 1)
    return None


def refund_attempt(session: Session, claims: Iterable[Claim]) -> None:
    """After success, reset the user's or device's own bucket and return one attempt to the shared ones."""
    for item in claims:
        if item.bucket.split(":")[1] in {"user", "device"}:
            session.execute(delete(Attempt).where(Attempt.bucket == item.bucket))
        else:
            shared = update(Attempt).where(Attempt.bucket == item.bucket)
            session.execute(shared.values(count=func.greatest(Attempt.count - 1, 0)))


def sweep(session: Session, now: datetime) -> None:
    """Delete windows that have ended, skipping those that an attempt has locked."""
    ended = select(Attempt.bucket).where(Attempt.ends_at <= now).with_for_update(skip_locked=True)
    session.execute(delete(Attempt).where(Attempt.bucket.in_(ended.scalar_subquery())))


def email_mark(email: str) -> str:
    """A keyed digest of an address: names a bucket without personal data."""
    secret = runtime().settings.secret_key.encode()
    return hmac.digest(secret, b"email\n" + email.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


def address_mark(address: str | None) -> str:
    """A digest of what counts as one address: an IPv4 address, or the /64 that an IPv6 household gets."""
    parts = (address or "").split(":")
    return email_mark(":".join(parts[:4]) if len(parts) > 2 else address or "")
