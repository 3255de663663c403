"""Translates the SDK's errors into ours, without its messages, which may repeat what we sent."""

from __future__ import annotations

import re

import stripe

from app.kit.errors import DomainError
from app.stripe_gateway.errors import (
    StripeAway,
    StripeDenied,
    StripeKeyReused,
    StripeMissing,
    StripeMisused,
    StripeRefused,
)

_NAME = re.compile(r"[A-Za-z0-9_.\[\]]{1,120}")
_MESSAGE = re.compile(r"[^\x00-\x1f\x7f]{1,300}")
_KEYLIKE = re.compile(r"(?:sk|rk|pk|whsec)_")
_DECLINED = "The payment was declined."


def is_away(error: stripe.StripeError) -> bool:
    """Whether the network or the server failed: no response, 5xx, or an unreadable response."""
    status = error.http_status
    return status is None or status >= 500 or status < 400


def translate_error(error: stripe.StripeError) -> DomainError:
    """Translate an SDK error into one of ours."""
    code, param = parse_name(error.code or _read_field(error, "code")), parse_name(_read_field(error, "param"))
    if is_away(error) or isinstance(error, stripe.RateLimitError) or error.http_status == 409:
        return StripeAway(replayed=error.http_status == 500)
    if isinstance(error, stripe.CardError):
        return StripeRefused(
            _find_message(error),
            stripe_code=code,
            decline_code=parse_name(_read_field(error, "decline_code")),
            param=param,
        )
    if error.http_status == 404 or code == "resource_missing":
        return StripeMissing(param=param)
    if isinstance(error, stripe.IdempotencyError):
        return StripeKeyReused("its idempotency key was used for a different request")
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return StripeDenied("the API key is invalid or lacks permission", stripe_code=code)
    reason = f"{code or 'invalid'} at {param}" if param else code or "invalid"
    return StripeMisused(reason, stripe_code=code, param=param)


def parse_name(value: object) -> str | None:
    """Parse a code or parameter name in Stripe's spelling; None for anything else."""
    is_name = isinstance(value, str) and _NAME.fullmatch(value) and not _KEYLIKE.search(value)
    return str(value) if is_name else None


def find_request_id(error: stripe.StripeError) -> str | None:
    """Find the request's id in Stripe's own log."""
    return parse_name(error.request_id)


def _read_field(error: stripe.StripeError, name: str) -> object:
    body = error.json_body
    inner = body.get("error") if isinstance(body, dict) else None
    return inner.get(name) if isinstance(inner, dict) else None


def _find_message(error: stripe.StripeError) -> str:
    message = _read_field(error, "message")
    is_safe = isinstance(message, str) and _MESSAGE.fullmatch(message) and not _KEYLIKE.search(message)
    return str(message) if is_safe else _DECLINED
