"""From the SDK's errors to ours: its words stay behind, for they may repeat what we sent."""

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
_WORDS = re.compile(r"[^\x00-\x1f\x7f]{1,300}")
_KEYLIKE = re.compile(r"(?:sk|rk|pk|whsec)_")
_DECLINED = "The payment was declined."


def is_away(error: stripe.StripeError) -> bool:
    """Whether this is a failure of the way or of the server: no answer, 5xx, or one that nobody can read."""
    status = error.http_status
    return status is None or status >= 500 or status < 400


def translate_error(error: stripe.StripeError) -> DomainError:
    """Our error for one of the SDK's."""
    code, param = parse_name(error.code or _field(error, "code")), parse_name(_field(error, "param"))
    if is_away(error) or isinstance(error, stripe.RateLimitError) or error.http_status == 409:
        return StripeAway()
    if isinstance(error, stripe.CardError):
        return StripeRefused(
            _said(error), stripe_code=code, decline_code=parse_name(_field(error, "decline_code")), param=param
        )
    if error.http_status == 404 or code == "resource_missing":
        return StripeMissing(param=param)
    if isinstance(error, stripe.IdempotencyError):
        return StripeKeyReused("its key stands for another request")
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return StripeDenied("the key is not valid or may not do this", stripe_code=code)
    reason = f"{code or 'invalid'} at {param}" if param else code or "invalid"
    return StripeMisused(reason, stripe_code=code, param=param)


def parse_name(value: object) -> str | None:
    """A code or a name of a parameter as Stripe spells them; anything else is nobody's."""
    named = isinstance(value, str) and _NAME.fullmatch(value) and not _KEYLIKE.search(value)
    return str(value) if named else None


def find_request_id(error: stripe.StripeError) -> str | None:
    """The id under which Stripe's own log has the request."""
    return parse_name(error.request_id)


def _field(error: stripe.StripeError, name: str) -> object:
    body = error.json_body
    inner = body.get("error") if isinstance(body, dict) else None
    return inner.get(name) if isinstance(inner, dict) else None


def _said(error: stripe.StripeError) -> str:
    words = _field(error, "message")
    fit = isinstance(words, str) and _WORDS.fullmatch(words) and not _KEYLIKE.search(words)
    return str(words) if fit else _DECLINED
