"""Limits on emails that anyone can ask for. Strangers can use them up, and still not keep the owner from a link.

See docs/decisions/0032-limits-on-links-that-do-not-lock-the-owner-out.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.accounts.models import User
from app.accounts.sign_in import email_tokens
from app.accounts.sign_in.login_throttle import AttemptLimit, Claim, address_mark, count_attempt, email_mark

RESET = AttemptLimit(5, timedelta(days=1))
VERIFY = AttemptLimit(3, timedelta(hours=6))
KNOWN = AttemptLimit(5, timedelta(days=1))
BY_ADDRESS = AttemptLimit(20, timedelta(hours=1))


def may_send_link(
    session: Session, purpose: str, user: User, address: str | None, *, own: str | None = None, now: datetime
) -> bool:
    """Count a request for a `reset` or `verify` link to a user's address; whether to send one.

    `own` names the device or session that the user is known by, which has a budget of its own. Above a limit, a link is
    sent while the user has none that still works: so there is always one, in the inbox or on its way.
    """
    receiver = f"{purpose}:{own}" if own else f"{purpose}:user:{email_mark(user.email)}"
    claims = [Claim(receiver, RESET if purpose == "reset" else VERIFY)]
    if own is None:
        claims.append(_by_address(purpose, address))
    within = count_attempt(session, claims, now) is None
    return within or not email_tokens.has_open(session, user, purpose, now=now)


def count_unknown(session: Session, purpose: str, address: str | None, *, now: datetime) -> bool:
    """Count a request for an address without an account; False if its network has asked too often."""
    return count_attempt(session, [_by_address(purpose, address)], now) is None


def may_notify_owner(session: Session, email: str, address: str | None, *, now: datetime) -> bool:
    """Whether the owner of an address is told that somebody else entered it; nothing depends on that email."""
    return (
        count_attempt(session, [Claim(f"known:user:{email_mark(email)}", KNOWN), _by_address("known", address)], now)
        is None
    )


def may_change_address(session: Session, user: User, address: str | None, *, now: datetime) -> bool:
    """Count a signed-in user's request to change their address; False after too many.

    Accounts that nobody has confirmed are limited by network too, since anyone can open any number of them.
    """
    claims = [Claim(f"change:user:{user.id}", VERIFY)]
    if user.email_verified_at is None:
        claims.append(_by_address("change", address))
    return count_attempt(session, claims, now) is None


def _by_address(kind: str, address: str | None) -> Claim:
    return Claim(f"{kind}:address:{address_mark(address)}", BY_ADDRESS)
