"""POST /webhooks/stripe: verifies the signature, stores the event once and answers. The worker does the rest."""

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

MAX_BYTES = 1 << 20
RECEIVED = Counter("tollkeeper_stripe_deliveries_total", "Deliveries to the webhook endpoint", ["outcome"])

webhooks = Blueprint("webhooks", __name__)
log = structlog.get_logger()


@webhooks.post("/webhooks/stripe")
def stripe() -> Response:
    """Receive a delivery. 200: stored, now or earlier. 400, 413: not from Stripe. 503: Stripe will send it again."""
    current = runtime()
    try:
        body = _body()
        signature.verify(
            body, request.headers.get("Stripe-Signature"), current.settings.stripe_webhook_secrets, wall_now()
        )
        envelope, event_body = parse_event(body)
        stored = inbox.receive_event(current.pool, envelope, event_body, source="webhook", now=business_now())
    except RequestEntityTooLarge:
        return _answer(413, "too_large", "The body is larger than 1 MiB.")
    except BadSignature as bad:
        log.warning("stripe delivery refused", reason=bad.reason)
        return _answer(400, "bad_signature", bad.detail)
    except InvalidRequest as bad:
        return _answer(400, "no_event", bad.detail)
    except Unavailable as away:
        return _answer(503, away.code, away.detail)
    RECEIVED.labels("stored" if stored else "known").inc()
    return Response(b"{}", 200, content_type="application/json")


def _body() -> bytes:
    """The raw bytes that were signed, limited to `MAX_BYTES` even when no length is declared."""
    if (request.content_length or 0) > MAX_BYTES:
        raise RequestEntityTooLarge
    request.max_content_length = MAX_BYTES
    return request.get_data(cache=False)


def _answer(status: int, outcome: str, message: str) -> Response:
    RECEIVED.labels(outcome).inc()
    response = Response(f'{{"error": "{message}"}}', status, content_type="application/json")
    if status == 503:
        response.headers["Retry-After"] = "2"
    return response
