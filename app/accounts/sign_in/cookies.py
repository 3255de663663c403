"""The two cookies of accounts: the session, and the marker of a device that has signed in before."""

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
SESSION_LIFETIME = timedelta(days=14)
DEVICE_LIFETIME = timedelta(days=365)
_MAX_USERS = 5


@dataclass(frozen=True)
class Device:
    """The content of the signed device cookie: a random id, and marks of the users who have signed in with it."""

    id: str
    marks: tuple[str, ...] = ()


def session_cookie_name() -> str:
    """`__Host-` ties the cookie to this host, https and the root path; browsers reject it over plain http."""
    return _name(SESSION)


def set_session(response: Response, token: str) -> None:
    """Set the session cookie."""
    _set_cookie(response, SESSION, token, SESSION_LIFETIME)


def clear_session(response: Response) -> None:
    """Delete the session cookie. What ends a session is deleting its row."""
    response.delete_cookie(session_cookie_name(), path="/", secure=_is_https(), httponly=True, samesite="Lax")


def email_mark(email: str) -> str:
    """A keyed digest of an address: identifies a user to throttling and the device cookie without personal data."""
    secret = runtime().settings.secret_key.encode()
    return hmac.digest(secret, b"email\n" + email.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


def known_device(request: Request, email: str) -> str | None:
    """The device's id if this browser has signed in as `email` before (OWASP's device cookie), else None."""
    device = _read_device(request)
    return device.id if email_mark(email) in device.marks else None


def remember_device(request: Request, response: Response, email: str) -> None:
    """Record in the device cookie that this browser has signed in as `email`."""
    device = _read_device(request)
    mark = email_mark(email)
    marks = [mark, *(other for other in device.marks if other != mark)][:_MAX_USERS]
    _set_cookie(response, DEVICE, _signer().dumps([device.id, marks]), DEVICE_LIFETIME)


def _read_device(request: Request) -> Device:
    try:
        device_id, marks = _signer().loads(request.cookies.get(_name(DEVICE), ""))
    except BadSignature:
        return Device(token_hex(16))
    return Device(device_id, tuple(marks))


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(runtime().settings.secret_key, salt="device")


def _name(base: str) -> str:
    return f"__Host-{base}" if _is_https() else base


def _is_https() -> bool:
    return runtime().settings.base_url.startswith("https://")


def _set_cookie(response: Response, name: str, value: str, lifetime: timedelta) -> None:
    response.set_cookie(
        _name(name), value, max_age=lifetime, path="/", secure=_is_https(), httponly=True, samesite="Lax"
    )
