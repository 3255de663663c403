"""The cookie that marks a device which has signed in before (OWASP's device cookie)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_hex

from flask import Request, Response
from itsdangerous import BadSignature, URLSafeSerializer

from app.accounts.models import User
from app.web.runtime import runtime

DEVICE = "tk_device"
LIFETIME = timedelta(days=365)
_MAX_USERS = 5


@dataclass(frozen=True)
class Device:
    """The content of the signed device cookie: a random id, and marks of the users who have signed in with it."""

    id: str
    marks: tuple[str, ...] = ()


def known_device(request: Request, user: User | None) -> str | None:
    """The device's id if this browser has signed in as the user with the present password, else None."""
    device = _read_device(request)
    return device.id if user is not None and _mark(user) in device.marks else None


def remember_device(request: Request, response: Response, user: User) -> None:
    """Record in the device cookie that this browser has signed in as the user."""
    device = _read_device(request)
    mark = _mark(user)
    marks = [mark, *(other for other in device.marks if other != mark)][:_MAX_USERS]
    response.set_cookie(
        _name(), _signer().dumps([device.id, marks]), max_age=LIFETIME, path="/", secure=_is_https(), httponly=True,
        samesite="Lax",
    )  # fmt: skip


def _mark(user: User) -> str:
    """A keyed digest of the user and their password, so that a new password makes every device unknown."""
    secret = runtime().settings.secret_key.encode()
    content = b"device\n" + user.id.bytes + (user.password_hash or "").encode()
    return hmac.digest(secret, content, "sha256").hex()[:32]


def _read_device(request: Request) -> Device:
    try:
        device_id, marks = _signer().loads(request.cookies.get(_name(), ""))
    except BadSignature:
        return Device(token_hex(16))
    return Device(device_id, tuple(marks))


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(runtime().settings.secret_key, salt="device")


def _name() -> str:
    """`__Host-` ties the cookie to this host, https and the root path; browsers reject it over plain http."""
    return f"__Host-{DEVICE}" if _is_https() else DEVICE


def _is_https() -> bool:
    return runtime().settings.base_url.startswith("https://")
