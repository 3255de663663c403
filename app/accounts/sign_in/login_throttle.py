"""Limits on guessing, kept in PostgreSQL so that a restart forgives nothing.

A window opens with its first attempt. Attempts are claimed before the secret is looked at, in a transaction of
their own, so that parallel guesses cannot pass together. Callers claim in one fixed order of kinds: no deadlock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.accounts.auth_models import Attempt
from app.accounts.sign_in.cookies import email_mark


@dataclass(frozen=True)
class AttemptLimit:
    """So many attempts within a time."""

    count: int
    within: timedelta


@dataclass(frozen=True)
class Claim:
    """One attempt at one bucket."""

    bucket: str
    limit: AttemptLimit


FIVE_MINUTES = timedelta(minutes=5)
SIGN_IN = AttemptLimit(10, FIVE_MINUTES)
SIGN_IN_ALL = AttemptLimit(1000, FIVE_MINUTES)
SIGN_UP = AttemptLimit(100, timedelta(hours=1))
RESET = AttemptLimit(5, timedelta(days=1))
RESET_ADDRESS = AttemptLimit(20, timedelta(hours=1))
VERIFY = AttemptLimit(3, timedelta(hours=6))
PASSWORD_CHECK = AttemptLimit(10, FIVE_MINUTES)


def sign_in_claims(email: str, address: str | None, device: str | None) -> list[Claim]:
    """What a sign-in counts against.

    A device that has signed in as this user before has a budget of its own: strangers who guess at the user's
    password fill the user's bucket, and the user still gets in.
    """
    if device is not None:
        return [Claim(f"sign_in:device:{device}:{email_mark(email)}", SIGN_IN)]
    return [
        Claim(f"sign_in:user:{email_mark(email)}", SIGN_IN),
        Claim(f"sign_in:address:{network(address)}", SIGN_IN),
        Claim("sign_in:all", SIGN_IN_ALL),
    ]


def mail_claims(kind: str, email: str, address: str | None) -> list[Claim]:
    """What asking for a mail counts against; `kind` is reset, verify or known."""
    per_user = VERIFY if kind == "verify" else RESET
    return [
        Claim(f"{kind}:user:{email_mark(email)}", per_user),
        Claim(f"{kind}:address:{network(address)}", RESET_ADDRESS),
    ]


def claim(session: Session, claims: Iterable[Claim], now: datetime) -> datetime | None:
    """Count one attempt against each bucket; the instant to wait for when one is full, else None."""
    for each in claims:
        over = Attempt.ends_at <= now
        fresh = insert(Attempt).values(bucket=each.bucket, count=1, ends_at=now + each.limit.within)
        counted = fresh.on_conflict_do_update(
            index_elements=[Attempt.bucket],
            set_={
                "count": case((over, 1), else_=Attempt.count + 1),
                "ends_at": case((over, fresh.excluded.ends_at), else_=Attempt.ends_at),
            },
        ).returning(Attempt.count, Attempt.ends_at)
        count, ends_at = session.execute(counted).one()
        if count > each.limit.count:
            return ends_at
    return None


def forgive(session: Session, claims: Iterable[Claim]) -> None:
    """After success: the user's or device's own bucket starts anew, the shared ones get their one attempt back."""
    for each in claims:
        if each.bucket.split(":")[1] in {"user", "device"}:
            session.execute(delete(Attempt).where(Attempt.bucket == each.bucket))
        else:
            mine = update(Attempt).where(Attempt.bucket == each.bucket)
            session.execute(mine.values(count=func.greatest(Attempt.count - 1, 0)))


def sweep(session: Session, now: datetime) -> None:
    """Delete windows that are over, leaving those that an attempt holds just now."""
    over = select(Attempt.bucket).where(Attempt.ends_at <= now).with_for_update(skip_locked=True)
    session.execute(delete(Attempt).where(Attempt.bucket.in_(over.scalar_subquery())))


def network(address: str | None) -> str:
    """What counts as one address: an IPv4 address, or the /64 that an IPv6 household is given. Kept as a digest."""
    parts = (address or "").split(":")
    return email_mark(":".join(parts[:4]) if len(parts) > 2 else address or "")
