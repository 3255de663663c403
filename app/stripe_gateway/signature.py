"""Verifies Stripe's webhook signatures. The SDK's check accepts future timestamps and can be switched off.

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
    """Check that any `v1` signature of the header matches any of the secrets; raises `BadSignature` with the reason.

    `body` is the raw body as received. `now` is wall-clock time; `tolerance` is seconds either way, inclusive.
    """
    if not header:
        raise BadSignature("no_header")
    stamp, candidates = _parse_header(header)
    if not candidates:
        raise BadSignature("no_v1")
    expected = [_sign(secret, stamp, body) for secret in secrets if secret]
    # Compare every pair, so the timing reveals nothing about which one came close.
    matches = [hmac.compare_digest(signature, candidate) for signature in expected for candidate in candidates]
    if not any(matches):
        raise BadSignature("no_match")
    if abs(now.timestamp() - int(stamp)) > tolerance:
        raise BadSignature("not_now")


def _parse_header(header: str) -> tuple[str, list[bytes]]:
    """Parse the header into the signed timestamp and the candidate signatures."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    if len(stamps) != 1 or not (stamps[0].isascii() and stamps[0].isdigit() and len(stamps[0]) <= 12):
        raise BadSignature("garbled")
    return stamps[0], [value.encode("utf-8", "replace") for name, _, value in parts if name == "v1"]


def _sign(secret: str, stamp: str, body: bytes) -> bytes:
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest().encode()
