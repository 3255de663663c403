"""Who signs a delivery: the first half of the matrix of webhooks (reference/reliability.md, section 3)."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from app.stripe_gateway.errors import BadSignature
from app.stripe_gateway.signature import verify

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECRET, OTHER = "whsec_one", "whsec_two"
BODY = b'{"id": "evt_1", "object": "event", "amount": 1.50}'


def v1(body: bytes = BODY, secret: str = SECRET, at: datetime = NOW) -> str:
    return hmac.new(secret.encode(), f"{int(at.timestamp())}.".encode() + body, hashlib.sha256).hexdigest()


def header(body: bytes = BODY, secret: str = SECRET, at: datetime = NOW, scheme: str = "v1") -> str:
    return f"t={int(at.timestamp())},{scheme}={v1(body, secret, at)}"


def refused(body: bytes, said: str | None, *secrets: str) -> str:
    with pytest.raises(BadSignature) as bad:
        verify(body, said, secrets or (SECRET,), NOW)
    return bad.value.reason


def test_a_delivery_of_now_passes() -> None:
    verify(BODY, header(), (SECRET,), NOW)


def test_the_sdk_signs_as_we_check() -> None:
    at = int(NOW.timestamp())
    theirs = stripe.WebhookSignature._compute_signature(f"{at}.{BODY.decode()}", SECRET)
    verify(BODY, f"t={at},v1={theirs}", (SECRET,), NOW)


@pytest.mark.parametrize("said", [None, ""])
def test_no_header_is_refused(said: str | None) -> None:
    assert refused(BODY, said) == "no_header"


@pytest.mark.parametrize(
    "said",
    [
        "garbled",
        ",,,",
        "t=,v1=" + v1(),
        "t=now,v1=" + v1(),
        "t=-1,v1=" + v1(),
        "t=1e9,v1=" + v1(),
        "t=１７,v1=" + v1(),
        "t=" + "9" * 400 + ",v1=" + v1(),
        "v1=" + v1(),
        header() + ",t=1",
    ],
)
def test_a_garbled_header_is_refused(said: str) -> None:
    assert refused(BODY, said) == "garbled"


@pytest.mark.parametrize("said", ["", "ÿ" * 64, "\ud800", v1().upper() + "0", v1()[:-1]])
def test_a_garbled_signature_is_refused(said: str) -> None:
    assert refused(BODY, f"t={int(NOW.timestamp())},v1={said}") == "no_match"


def test_a_wrong_secret_is_refused() -> None:
    assert refused(BODY, header(secret=OTHER)) == "no_match"


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_a_body_with_one_byte_changed_is_refused(at: int, by: int) -> None:
    changed = BODY[:at] + bytes([BODY[at] ^ by]) + BODY[at + 1 :]
    assert refused(changed, header()) == "no_match"


def test_the_same_json_written_anew_is_refused() -> None:
    anew = json.dumps(json.loads(BODY)).encode()
    assert anew != BODY
    assert refused(anew, header()) == "no_match"


@pytest.mark.parametrize("seconds", [-300, 300])
def test_five_minutes_either_way_pass(seconds: int) -> None:
    verify(BODY, header(at=NOW + timedelta(seconds=seconds)), (SECRET,), NOW)


@pytest.mark.parametrize("seconds", [-301, 301, -86400, 86400])
def test_older_and_later_ones_are_refused(seconds: int) -> None:
    assert refused(BODY, header(at=NOW + timedelta(seconds=seconds))) == "not_now"


def test_a_time_changed_after_signing_is_refused() -> None:
    old = NOW - timedelta(hours=1)
    assert refused(BODY, f"t={int(NOW.timestamp())},v1={v1(at=old)}") == "no_match"


def test_no_tolerance_is_no_tolerance() -> None:
    verify(BODY, header(), (SECRET,), NOW, tolerance=0)
    with pytest.raises(BadSignature):
        verify(BODY, header(at=NOW - timedelta(seconds=1)), (SECRET,), NOW, tolerance=0)


@pytest.mark.parametrize("secrets", [(SECRET,), (OTHER,), (SECRET, OTHER), (OTHER, SECRET), ("", SECRET)])
def test_any_of_two_signatures_passes_with_any_of_the_secrets(secrets: tuple[str, ...]) -> None:
    verify(BODY, f"{header()},v1={v1(secret=OTHER)}", secrets, NOW)


def test_two_signatures_with_neither_secret_are_refused() -> None:
    assert refused(BODY, f"{header()},v1={v1(secret=OTHER)}", "whsec_three", "whsec_four") == "no_match"


def test_v0_alone_is_refused() -> None:
    assert refused(BODY, header(scheme="v0")) == "no_v1"


@pytest.mark.parametrize("secrets", [(), ("",)])
def test_without_a_secret_nothing_passes(secrets: tuple[str, ...]) -> None:
    with pytest.raises(BadSignature):
        verify(BODY, header(secret=""), secrets, NOW)


def test_the_refusal_repeats_nothing_that_was_sent() -> None:
    with pytest.raises(BadSignature) as bad:
        verify(BODY, header(secret=OTHER), (SECRET,), NOW)
    assert [
        said for said in (SECRET, v1(secret=OTHER), "evt_1") if said in repr(vars(bad.value)) + str(bad.value)
    ] == []
