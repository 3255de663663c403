"""The two cookies of accounts: the session, and the mark of a device that has signed in before."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_hex

from flask import Request, Response
from itsdangerous import BadSignature, URLSafeSerializer

from app.web.runtime import runtime

SESSION = "tk_session"
DEVICE = "tk_device"
SESSION_LIFE = timedelta(days=14)
DEVICE_LIFE = timedelta(days=365)
_MOST_USERS = 5


@dataclass(frozen=True)
class Device:
    """What a browser remembers, signed by us: its random id and the marks of who has signed in on it."""

    id: str
    marks: tuple[str, ...] = ()


def session_cookie_name() -> str:
    """`__Host-` binds the cookie to this host, https and the whole path; browsers refuse it over plain http."""
    return _name(SESSION)


def set_session(response: Response, token: str) -> None:
    """Give the browser the token of its session row."""
    _set(response, SESSION, token, SESSION_LIFE)


def clear_session(response: Response) -> None:
    """Take the session cookie away; the row's end is what counts."""
    response.delete_cookie(session_cookie_name(), path="/", secure=_secure(), httponly=True, samesite="Lax")


def email_mark(email: str) -> str:
    """A keyed digest of an address: names a user to the limits and to the device cookie without naming a person."""
    secret = runtime().settings.secret_key.encode()
    return hmac.digest(secret, b"email\n" + email.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


def known_device(request: Request, email: str) -> str | None:
    """The device's id when this browser has signed in as `email` before (OWASP's device cookie); else None."""
    device = _read(request)
    return device.id if email_mark(email) in device.marks else None


def remember_device(request: Request, response: Response, email: str) -> None:
    """Note in the browser that its user has signed in as `email`."""
    device = _read(request)
    mark = email_mark(email)
    marks = [mark, *(each for each in device.marks if each != mark)][:_MOST_USERS]
    _set(response, DEVICE, _signer().dumps([device.id, marks]), DEVICE_LIFE)


def _read(request: Request) -> Device:
    try:
        device_id, marks = _signer().loads(request.cookies.get(_name(DEVICE), ""))
    except BadSignature:
        return Device(token_hex(16))
    return Device(device_id, tuple(marks))


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(runtime().settings.secret_key, salt="device")


def _name(plain: str) -> str:
    return f"__Host-{plain}" if _secure() else plain


def _secure() -> bool:
    return runtime().settings.base_url.startswith("https://")


def _set(response: Response, name: str, value: str, life: timedelta) -> None:
    response.set_cookie(_name(name), value, max_age=life, path="/", secure=_secure(), httponly=True, samesite="Lax")
