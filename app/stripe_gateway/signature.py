"""Whether a delivery was signed by Stripe. Our own check: the SDK's looks at the past only, and can be switched off.

Rule: https://docs.stripe.com/webhooks#verify-manually
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

from app.stripe_gateway.errors import BadSignature

TOLERANCE = 300


def verify(body: bytes, header: str | None, secrets: Iterable[str], now: datetime, tolerance: int = TOLERANCE) -> None:
    """Pass when any `v1` of the header fits any of the secrets; raises `BadSignature` with the reason.

    `body` as it came, byte for byte. `now` is wall-clock time; `tolerance` seconds each way, both ends included.
    """
    if not header:
        raise BadSignature("no_header")
    stamp, candidates = _read(header)
    if not candidates:
        raise BadSignature("no_v1")
    expected = [_sign(secret, stamp, body) for secret in secrets if secret]
    # Every pair is compared, so that the time taken tells nothing about which was near.
    fits = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in candidates]
    if not any(fits):
        raise BadSignature("no_match")
    if abs(now.timestamp() - int(stamp)) > tolerance:
        raise BadSignature("not_now")


def _read(header: str) -> tuple[str, list[bytes]]:
    """The time as it was signed, and the candidates."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    if len(stamps) != 1 or not (stamps[0].isascii() and stamps[0].isdigit() and len(stamps[0]) <= 12):
        raise BadSignature("garbled")
    return stamps[0], [value.encode("utf-8", "replace") for name, _, value in parts if name == "v1"]


def _sign(secret: str, stamp: str, body: bytes) -> bytes:
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest().encode()
