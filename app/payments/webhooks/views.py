"""POST /webhooks/stripe: check who sends, store once, answer. Everything else is the queue's work."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, request
from prometheus_client import Counter
from werkzeug.exceptions import RequestEntityTooLarge

from app.kit.errors import InvalidRequest, Unavailable
from app.payments.webhooks import inbox
from app.payments.webhooks.envelope import parse_event
from app.stripe_gateway import signature
from app.stripe_gateway.errors import BadSignature
from app.web.runtime import business_now, runtime, wall_now

MOST_BYTES = 1 << 20
RECEIVED = Counter("tollkeeper_stripe_deliveries_total", "Deliveries at the webhook's door", ["outcome"])

webhooks = Blueprint("webhooks", __name__)
log = structlog.get_logger()


@webhooks.post("/webhooks/stripe")
def stripe() -> Response:
    """Take a delivery. 200: it is stored, now or before. 400, 413: it is not Stripe's. 503: Stripe sends it again."""
    held = runtime()
    try:
        body = _body()
        signature.verify(
            body, request.headers.get("Stripe-Signature"), held.settings.stripe_webhook_secrets, wall_now()
        )
        envelope, whole = parse_event(body)
        stored = inbox.receive_event(held.pool, envelope, whole, source="webhook", now=business_now())
    except RequestEntityTooLarge:
        return _answer(413, "too_large", "The body is larger than 1 MiB.")
    except BadSignature as bad:
        log.warning("stripe delivery refused", reason=bad.reason)
        return _answer(400, "bad_signature", bad.detail)
    except InvalidRequest as bad:
        return _answer(400, "no_event", bad.detail)
    except Unavailable as away:
        return _answer(503, "unavailable", away.detail)
    RECEIVED.labels("stored" if stored else "known").inc()
    return Response(b"{}", 200, content_type="application/json")


def _body() -> bytes:
    """The raw bytes that were signed; no more of them than we take, also of a body that names no length."""
    if (request.content_length or 0) > MOST_BYTES:
        raise RequestEntityTooLarge
    request.max_content_length = MOST_BYTES
    return request.get_data(cache=False)


def _answer(status: int, outcome: str, words: str) -> Response:
    RECEIVED.labels(outcome).inc()
    response = Response(f'{{"error": "{words}"}}', status, content_type="application/json")
    if status == 503:
        response.headers["Retry-After"] = "2"
    return response
