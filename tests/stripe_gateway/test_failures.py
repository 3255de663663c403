"""What Stripe refuses becomes one of our errors; and no secret and no body is in an error, a log line or a repr."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import traceback

import pytest
import requests
from structlog.testing import capture_logs

from app.kit.errors import DomainError
from app.kit.ids import new_id
from app.stripe_gateway import checkout, customers, errors, invoices
from tests.stripe_gateway import raw
from tests.stripe_gateway.conftest import Make
from tests.stripe_gateway.servers import KEY, Reply, answer, error, reset, serving

BODY_CANARY = "canary-body-1f0c"


def failed(gateway: Make, reply: Reply) -> DomainError:
    with serving(reply) as server, pytest.raises(DomainError) as failure:
        customers.create(gateway(server.url), org_id=new_id(), email=None, name=BODY_CANARY, key="row-1")
    return failure.value


@pytest.mark.parametrize(
    ("reply", "expected", "code"),
    [
        (error(400, code="parameter_unknown", param="foo"), errors.StripeMisused, "internal"),
        (error(400), errors.StripeMisused, "internal"),
        (error(400, "idempotency_error"), errors.StripeKeyReused, "conflict"),
        (error(400, code="resource_missing", param="customer"), errors.StripeMissing, "not_found"),
        (error(404, code="resource_missing", param="id"), errors.StripeMissing, "not_found"),
        (error(401), errors.StripeDenied, "unavailable"),
        (error(403), errors.StripeDenied, "unavailable"),
        (error(402, "card_error", code="card_declined"), errors.StripeRefused, "payment_refused"),
        (error(429), errors.StripeAway, "unavailable"),
        (error(400, code="rate_limit"), errors.StripeAway, "unavailable"),
        (error(409, "idempotency_error", code="idempotency_key_in_use"), errors.StripeAway, "unavailable"),
        (error(409, code="lock_timeout"), errors.StripeAway, "unavailable"),
        (error(500, "api_error"), errors.StripeAway, "outcome_unknown"),
    ],
)
def test_each_refusal_has_its_error(gateway: Make, reply: Reply, expected: type[DomainError], code: str) -> None:
    failure = failed(gateway, reply)
    assert type(failure) is expected
    assert failure.code == code


def test_a_decline_carries_the_banks_reason_and_stripes_words(gateway: Make) -> None:
    said = error(
        402,
        "card_error",
        code="card_declined",
        decline_code="insufficient_funds",
        param="number",
        message="Your card has insufficient funds.",
    )
    failure = failed(gateway, said)
    assert isinstance(failure, errors.StripeRefused)
    assert (failure.stripe_code, failure.decline_code, failure.param) == (
        "card_declined",
        "insufficient_funds",
        "number",
    )
    assert failure.detail == "Your card has insufficient funds."
    assert failure.facts == {}, "facts are shown to every caller"


def test_a_refused_parameter_is_named_in_the_log(gateway: Make) -> None:
    with capture_logs() as lines:
        failure = failed(gateway, error(400, code="parameter_unknown", param="line_items[0][foo]"))
    assert isinstance(failure, errors.StripeMisused)
    assert (failure.stripe_code, failure.param) == ("parameter_unknown", "line_items[0][foo]")
    assert "parameter_unknown at line_items[0][foo]" in lines[0]["said"]
    assert (lines[0]["call"], lines[0]["status"], lines[0]["request"]) == ("customers.create", 400, "req_1")


@pytest.mark.parametrize("status", [200, 302, 400, 401, 402, 403, 404, 409, 429, 500, 502])
@pytest.mark.parametrize("kind", ["invalid_request_error", "card_error", "idempotency_error"])
def test_a_server_that_repeats_our_key_and_body_does_not_spread_them(
    gateway: Make, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], status: int, kind: str
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="stripe")
    echo = f"{KEY} {BODY_CANARY}\n"
    echoed = {"code": echo, "param": KEY, "message": echo, "decline_code": KEY, "doc_url": echo}
    reply = error(status, kind, headers={"Request-Id": KEY, "Stripe-Notice": echo.strip()}, **echoed)
    with capture_logs() as lines:
        failure = failed(gateway, reply)
    whole = "".join(traceback.format_exception(failure)) + repr(vars(failure)) + repr(failure.args)
    out, err = capfd.readouterr()
    everywhere = whole + repr(lines) + caplog.text + out + err
    assert KEY not in everywhere
    assert BODY_CANARY not in everywhere


def test_no_error_leads_back_to_the_request(gateway: Make) -> None:
    for reply in (reset, error(401), error(402, "card_error"), answer(200, b"<html>"), answer(200, {})):
        failure = failed(gateway, reply)
        assert (failure.__cause__, failure.__context__) == (None, None)


def test_a_gateway_does_not_show_its_key(gateway: Make) -> None:
    gw = gateway("http://127.0.0.1:1")
    assert KEY not in repr(gw) + str(gw) + repr(vars(gw))


def test_the_address_of_the_portal_is_not_logged(gateway: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = "https://billing.stripe.com/p/session/live_secret"
    session = {"object": "billing_portal.session", "id": "bps_1", "url": url}
    with serving(answer(200, session)) as server, capture_logs() as lines:
        assert checkout.open_portal(gateway(server.url), "cus_1", "http://x/billing", key="k") == url
    assert url not in repr(lines) + caplog.text


def test_the_sdk_is_silent_also_where_its_own_log_is_asked_for() -> None:
    script = (
        "import logging; logging.basicConfig(level=logging.DEBUG)\n"
        "from uuid import UUID\n"
        "from app.stripe_gateway import Gateway, customers\n"
        "from app.stripe_gateway.client.circuit import Circuit\n"
        "from tests.stripe_gateway import raw\n"
        "from tests.stripe_gateway.servers import KEY, answer, serving\n"
        "with serving(answer(200, raw.customer())) as server:\n"
        "    gw = Gateway(KEY, server.url, patient=False, circuit=Circuit())\n"
        "    customers.create(gw, org_id=UUID(int=1), email=None, name='canary-body-1f0c', key='k')\n"
        "    print('done', server.asked[0].headers)\n"
    )
    env = {**os.environ, "STRIPE_LOG": "debug", "PYTHONPATH": "."}
    ran = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert "done" in ran.stdout
    assert [told for told in (KEY, BODY_CANARY, "a@example.com") if told in ran.stderr] == []
    assert "telemetry" not in ran.stdout.lower()


def test_nothing_of_the_environment_comes_between(
    gateway: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("default login somebody password else\n")
    monkeypatch.setenv("NETRC", netrc)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(answer(200, raw.customer(), **{"Set-Cookie": "a=b"})) as server:
        assert requests.utils.get_environ_proxies(server.url), "the environment does name a proxy"
        gw = gateway(server.url)
        customers.retrieve(gw, "cus_1")
        customers.retrieve(gw, "cus_1")
        asked = server.asked[1].headers
    assert asked["authorization"] == f"Bearer {KEY}"
    assert asked["stripe-version"] == "2026-10-28.endive"
    assert "cookie" not in asked
    assert "x-stripe-client-telemetry" not in asked


def test_an_answer_in_another_shape_is_told_to_the_log_without_its_values(gateway: Make) -> None:
    odd = {"object": "price", "unit_amount_decimal": BODY_CANARY}
    for answered in (odd, {"id": BODY_CANARY}, raw.customer(email=[BODY_CANARY])):
        with capture_logs() as lines:
            failure = failed(gateway, answer(200, answered))
        assert type(failure) is errors.StripeMisread
        assert [line["event"] for line in lines] == ["stripe misread"]
        assert BODY_CANARY not in repr(lines) + repr(failure)


def test_an_ask_under_a_refused_state_is_refused_when_the_state_has_not_changed(gateway: Make) -> None:
    still = {
        "object": "checkout.session", "id": "cs_1", "mode": "setup", "status": "open", "payment_status": "unpaid",
        "url": None, "customer": "cus_1", "subscription": None, "invoice": None, "setup_intent": None,
        "amount_total": None, "currency": "usd", "metadata": {}, "expires_at": 1, "created": 1,
    }  # fmt: skip
    refusal = error(400, code="resource_busy")
    with serving(refusal, answer(200, still)) as server, pytest.raises(errors.StripeMisused):
        checkout.expire_session(gateway(server.url), "cs_1", key="k")
    with serving(refusal, answer(200, raw.invoice(status="void"))) as server, pytest.raises(errors.StripeMisused):
        invoices.pay(gateway(server.url), "in_1", key="k")


def test_a_garbage_id_is_missing_and_nobody_is_asked(gateway: Make) -> None:
    with serving(answer(200, raw.customer())) as server:
        for garbage in ("", "../charges", "cus_1?expand[]=x", "cus 1", "é", "x" * 256, "a\nb"):
            with pytest.raises(errors.StripeMissing):
                customers.retrieve(gateway(server.url), garbage)
        assert server.asked == []


def test_a_post_without_a_key_is_our_mistake(gateway: Make) -> None:
    for key in ("", "k" * 256):
        with pytest.raises(ValueError, match="idempotency"):
            customers.set_default_card(gateway("http://127.0.0.1:1"), "cus_1", "pm_1", key=key)
