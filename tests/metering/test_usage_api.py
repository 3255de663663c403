"""The usage calls over HTTP: what is answered, what is refused and how, and that a refusal records nothing."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts.api_keys.service import create_key
from app.kit.actor import SYSTEM
from tests.metering.world import MONTHS, NOW, World
from tests.today import FixedClock

URL = "/api/v1/usage/events"
CHECK = "/api/v1/usage/check"
# What is on sale in the shared database is another test's to say; which plan fits: tests/portal/test_billing_*.py
UPGRADE = re.compile(r"http://localhost/(plans|billing/upgrade/\w+)")


class Host:
    """A host product: an org of its own and a key to it."""

    def __init__(self, client: FlaskClient, org: UUID, secret: str) -> None:
        self.client, self.org = client, org
        self.headers = {"Authorization": f"Bearer {secret}"}

    def post(self, body: Any, url: str = URL) -> Any:
        given = {"data": body, "content_type": "application/json"} if isinstance(body, bytes | str) else {"json": body}
        return self.client.post(url, headers=self.headers, **given)

    def get(self, url: str, **query: Any) -> Any:
        return self.client.get(url, headers=self.headers, query_string=query)


@pytest.fixture
def host(app: Flask, session: Session, client: FlaskClient, clock: FixedClock, wall: FixedClock, world: World) -> Host:
    clock.at = NOW
    org = world.org(t_sum={"policy": "block", "allowance": 100})
    made = create_key(
        session, org, "host", ["usage:write", "usage:read"], pepper="test-key-pepper-test-key-pepper-test-pepper",
        actor=SYSTEM, now=wall.now(),
    )  # fmt: skip
    session.commit()
    return Host(client, org, made.secret)


def sent(**fields: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "meter": "t_sum"} | fields


def test_a_bare_event_answers_recorded_then_duplicate(host: Host, world: World) -> None:
    body = sent(quantity=2.5, occurred_at="2026-11-21T11:00:00+01:00", metadata={"a": 1})
    assert host.post(body).get_json() == {"recorded": 1, "duplicates": 0, "refused": []}
    assert host.post(body).get_json() == {"recorded": 0, "duplicates": 1, "refused": []}
    assert str(world.used(host.org)) == "2.500000"


def test_the_same_id_with_another_quantity_is_409(host: Host) -> None:
    host.post(sent(id="a", quantity=1))
    answer = host.post(sent(id="a", quantity=2))
    assert (answer.status_code, answer.get_json()["code"]) == (409, "id_conflict")
    assert answer.content_type == "application/problem+json"


def test_a_limit_answers_429_with_its_state_and_the_way_up(host: Host) -> None:
    host.post(sent(quantity=99))
    answer = host.post(sent(quantity="1.5"))
    problem = answer.get_json()
    assert answer.status_code == 429
    assert "Retry-After" not in answer.headers  # stock clients would sleep for weeks
    stated = {name: problem[name] for name in ("code", "meter", "limit", "used", "reserved", "requested", "resets_at")}
    assert stated == {
        "code": "quota_exceeded", "meter": "t_sum", "limit": "100", "used": "99", "reserved": "0", "requested": "1.5",
        "resets_at": "2026-12-01T00:00:00Z",
    }  # fmt: skip
    assert UPGRADE.fullmatch(problem["upgrade_url"])


def test_a_wait_of_an_hour_or_less_is_said_to_http_clients(host: Host, world: World) -> None:
    world.limit(host.org, "t_sum", allowance=100, per_minute=1)
    host.post(sent())
    assert 0 < int(host.post(sent()).headers["Retry-After"]) <= 60


def test_a_period_or_day_that_has_ended_is_named_and_sells_nothing(host: Host, world: World) -> None:
    """No reset, no Retry-After, no upgrade: no plan makes room in the past."""
    world.limit(host.org, "t_sum", allowance=10, per_day=4)
    days = [(NOW - timedelta(days=days)).isoformat() for days in (30, 29, 28, 27)]
    for before, at, words in (
        ([(days[0], 4)], days[0],
         "4 of 4 t_sum were used in the day from 2026-10-22T00:00:00Z to 2026-10-23T00:00:00Z"),
        ([(days[1], 4), (days[2], 2)], days[3],
         "10 of 10 t_sum were used in the period from 2026-10-01T00:00:00Z to 2026-11-01T00:00:00Z"),
    ):  # fmt: skip
        for day, quantity in before:
            assert host.post(sent(quantity=quantity, occurred_at=day)).status_code == 200
        answer = host.post(sent(occurred_at=at))
        problem = answer.get_json()
        assert (answer.status_code, problem["resets_at"], problem.get("upgrade_url")) == (429, None, None)
        assert problem["detail"] == f"{words}; 1 more would exceed the limit."
        assert "Retry-After" not in answer.headers


@pytest.mark.parametrize(
    ("meter", "quantity", "detail"),
    [("t_max", "50.5", "50.5 t_max is above the limit of 50 this period."),
     ("t_count", 5, "50 of 50 t_count are used this period; 1 more would exceed the limit.")],
)  # fmt: skip
def test_a_refusal_says_what_the_event_would_have_added(
    host: Host, world: World, meter: str, quantity: object, detail: str
) -> None:
    for limited in ("t_max", "t_count"):
        world.limit(host.org, limited, allowance=50)
    host.post({"events": [sent(meter="t_count") for _ in range(50)]})
    assert host.post(sent(meter=meter, quantity=quantity)).get_json()["detail"] == detail


def test_check_says_of_a_quantity_what_recording_would(host: Host, world: World) -> None:
    world.limit(host.org, "t_count", allowance=20)
    world.limit(host.org, "t_people", allowance=1)
    host.post({"events": [sent(meter="t_count") for _ in range(19)]})
    host.post(sent(meter="t_people", user="u1"))
    asked = [{"meter": "t_count", "quantity": 5}, {"meter": "t_count"}, {"meter": "t_people", "user": "u1"},
             {"meter": "t_people", "user": "u2"}, {"meter": "t_people"}]  # fmt: skip
    answers = host.post({"checks": asked}, CHECK).get_json()["checks"]
    assert [each["allowed"] for each in answers] == [False, True, True, False, False]
    assert host.post({"user": "u1", "checks": asked}, CHECK).status_code == 400


def test_a_batch_answers_200_and_names_each_refused_event_by_index(host: Host, world: World) -> None:
    batch = [
        sent(), {"meter": "t_sum"}, sent(meter="nope"), sent(quantity=-1), sent(id="x" * 256), sent(quantity=1000),
        "not an event", sent(extra=1), sent(kind="a\x00b"), sent(occurred_at="2026-11-21T10:00:00"), sent(quantity=3),
    ]  # fmt: skip
    answer = host.post({"events": batch})
    body = answer.get_json()
    assert (answer.status_code, body["recorded"], body["duplicates"]) == (200, 2, 0)
    assert [(each["index"], each["code"]) for each in body["refused"]] == [
        (1, "invalid_event"), (2, "unknown_meter"), (3, "bad_quantity"), (4, "invalid_event"), (5, "quota_exceeded"),
        (6, "invalid_event"), (7, "invalid_event"), (8, "invalid_event"), (9, "invalid_event"),
    ]  # fmt: skip
    assert body["refused"][3]["id"] == "x" * 255
    assert "extra" in body["refused"][6]["detail"]
    assert world.used(host.org) == 4


BAD_BODIES = {
    "malformed": (b'{"id": "a", "meter"', 400, "invalid_request"),
    "not an object": (b"[]", 400, "invalid_request"),
    "a number": (b"7", 400, "invalid_request"),
    "empty": (b"", 400, "invalid_request"),
    "not UTF-8": (b'{"id": "\xff", "meter": "t_sum"}', 400, "invalid_request"),
    "a raw NUL": (b'{"id": "a\x00", "meter": "t_sum"}', 400, "invalid_request"),
    "NaN": (b'{"id": "a", "meter": "t_sum", "quantity": NaN}', 400, "invalid_request"),
    "events of the wrong type": (b'{"events": 7}', 400, "invalid_request"),
    "a malformed batch with half a character": (b'{"events": [{"id": "\\ud83d"},]}', 400, "invalid_request"),
    "half a character beside the events": (b'{"events": ["\\ud83d"], "x": 1}', 400, "invalid_request"),
    "a malformed batch": (b'{"events": [{"id": "a", "meter": "t_sum"}, {"id"', 400, "invalid_request"),
    "a batch with words behind": (b'{"events": []} x', 400, "invalid_request"),
    "events and more": (b'{"events": [], "mode": "fast"}', 400, "invalid_request"),
    "deeply nested": (b'{"id": "a", "meter": ' + b"[" * 100_000, 400, "invalid_request"),
}


@pytest.mark.parametrize("what", BAD_BODIES)
def test_a_body_that_cannot_be_read_records_nothing(host: Host, world: World, what: str) -> None:
    body, status, code = BAD_BODIES[what]
    answer = host.post(body)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert world.events(host.org) == 0


BAD_EVENTS = {
    "no id": ({"id": None}, "invalid_event"),
    "an empty id": ({"id": ""}, "invalid_event"),
    "an id of 256 characters": ({"id": "x" * 256}, "invalid_event"),
    "an id with NUL": ({"id": "a\x00"}, "invalid_event"),
    "an id with a line end": ({"id": "a\n"}, "invalid_event"),
    "an id with a C1 control": ({"id": "a\x85"}, "invalid_event"),
    "an id that is a number": ({"id": 7}, "invalid_event"),
    "an unknown meter": ({"meter": "nope"}, "unknown_meter"),
    "a meter that is a list": ({"meter": []}, "invalid_event"),
    "a negative quantity": ({"quantity": -1}, "bad_quantity"),
    "a quantity in words": ({"quantity": "NaN"}, "bad_quantity"),
    "an infinite quantity": ({"quantity": "Infinity"}, "bad_quantity"),
    "an empty quantity": ({"quantity": ""}, "bad_quantity"),
    "a null quantity": ({"quantity": None}, "bad_quantity"),
    "a list of quantities": ({"quantity": [1]}, "bad_quantity"),
    "a true quantity": ({"quantity": True}, "bad_quantity"),
    "10^400": ({"quantity": 10**400}, "bad_quantity"),
    "10^15": ({"quantity": 10**15}, "bad_quantity"),
    "an exponent": ({"quantity": 1e-7}, "bad_quantity"),
    "seven places": ({"quantity": "0.1234567"}, "bad_quantity"),
    "foreign digits": ({"quantity": "١"}, "bad_quantity"),
    "an unknown field": ({"quantitty": 1}, "invalid_event"),
    "a time without zone": ({"occurred_at": "2026-11-21T10:00:00"}, "invalid_event"),
    "no time at all": ({"occurred_at": "yesterday"}, "invalid_event"),
    "a time beyond the calendar": ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "invalid_event"),
    "an old event": ({"occurred_at": "2026-10-01T00:00:00Z"}, "event_too_old"),
    "a future event": ({"occurred_at": "2026-11-21T13:00:00Z"}, "event_in_future"),
    "a fractional status": ({"status_code": 1.5}, "invalid_event"),
    "a negative latency": ({"response_ms": -1}, "invalid_event"),
    "a latency beyond the column": ({"response_ms": 2**31}, "invalid_event"),
    "a size beyond the column": ({"file_bytes": 2**63}, "invalid_event"),
    "metadata that is a list": ({"metadata": [1]}, "invalid_event"),
    "metadata over 4 KiB": ({"metadata": {"a": "x" * 4096}}, "invalid_event"),
    "half a character": ({"user": "Visitor \ud83d"}, "invalid_event"),
    "half a character in metadata": ({"metadata": {"a": ["\ude00"]}}, "invalid_event"),
    "metadata nested 33 deep": ({"metadata": json.loads('{"a":' * 33 + "1" + "}" * 33)}, "invalid_event"),
    "metadata with NUL": ({"metadata": {"a": "\x00"}}, "invalid_event"),
    "a label of 256 characters": ({"user": "x" * 256}, "invalid_event"),
    "an empty label": ({"kind": ""}, "invalid_event"),
    "an id of 900 kB": ({"id": "x" * 900_000}, "invalid_event"),
}


@pytest.mark.parametrize("what", BAD_EVENTS)
def test_a_bad_event_gets_its_documented_code_alone_and_in_a_batch(host: Host, world: World, what: str) -> None:
    fields, code = BAD_EVENTS[what]
    bare = host.post(sent(**fields))
    assert bare.get_json()["code"] == code
    assert bare.status_code == 422
    batch = host.post({"events": [sent(**fields)]}).get_json()
    assert (batch["recorded"], [each["code"] for each in batch["refused"]]) == (0, [code])
    assert world.events(host.org) == 0


def nested(depth: int) -> bytes:
    return b'{"id": "b", "meter": "t_sum", "metadata": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


@pytest.mark.parametrize(
    "odd",
    [
        b'{"id": "b", "meter": "t_sum", "user": "Visitor \\ud83d"}',
        b'{"id": "b", "meter": "t_sum", "\\ud83d": 1}',
        b'{"id": "b\\u0000", "meter": "t_sum"}',
        b'{"id": "b", "meter": "t_sum", "metadata": {"a": "\\u0000"}}',
        nested(33), nested(500), nested(1000), nested(100_000),
        b"[" * 1000 + b"]" * 1000,
    ],
    ids=["surrogate", "surrogate name", "NUL", "NUL in metadata", "33", "500", "1000", "100000", "list"],
)  # fmt: skip
def test_an_event_that_nobody_can_store_spoils_only_itself(host: Host, world: World, odd: bytes) -> None:
    batch = (
        b'{"events": [' + b", ".join([b'{"id": "a", "meter": "t_sum"}', odd, b'{"id": "c", "meter": "t_sum"}']) + b"]}"
    )
    answer = host.post(batch)
    refused = answer.get_json()["refused"]
    assert (answer.status_code, answer.get_json()["recorded"]) == (200, 2)
    assert [(each["index"], each["code"]) for each in refused] == [(1, "invalid_event")]
    assert "recursion" not in refused[0]["detail"]
    assert world.used(host.org) == 2
    assert [each["code"] for each in host.get("/api/v1/usage/refused").get_json()["refused"]] == ["invalid_event"]
    alone = host.post(odd)
    assert alone.status_code in {400, 422}  # 400: a list is no event
    assert world.used(host.org) == 2


@pytest.mark.parametrize("event_id", ["AAAA/BBBB==", "/", "größe", "a b", "😀"])
def test_an_id_may_hold_anything_but_control_characters(host: Host, world: World, event_id: str) -> None:
    assert host.post(sent(id=event_id)).get_json()["recorded"] == 1
    assert host.post({"events": [sent(id=event_id)]}).get_json()["duplicates"] == 1
    assert host.get(URL).get_json()["events"][0]["id"] == event_id


def test_no_answer_shows_a_pattern(host: Host) -> None:
    for body in (sent(id="a\n"), {"events": [sent(id="a\n")]}, sent(occurred_at="yesterday")):
        text = host.post(body).get_data(as_text=True)
        assert "regex" not in text
        assert "\\x1f" not in text
    assert "text without control characters" in host.post(sent(id="a\n")).get_json()["detail"]


SAME = {
    "quantity": ({}, {"quantity": 1}),
    "quantity as text": ({"quantity": "1.000"}, {}),
    "metadata": ({"metadata": {}}, {}),
    "null metadata": ({"metadata": None}, {"metadata": {}}),
    "zeros": ({"quantity": "2.5"}, {"quantity": "2.5000000"}),
    "digits below a microsecond": (
        {"occurred_at": "2026-11-20T23:59:59.999999Z"}, {"occurred_at": "2026-11-20T23:59:59.9999999Z"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SAME)
def test_content_is_the_same_without_constant_defaults(host: Host, world: World, what: str) -> None:
    one, other = SAME[what]
    first = sent(**one)
    assert host.post(first).get_json()["recorded"] == 1
    again = {"id": first["id"], "meter": "t_sum"} | other
    assert host.post(again).get_json() == {"recorded": 0, "duplicates": 1, "refused": []}
    assert host.post({"events": [again, first]}).get_json()["duplicates"] == 2


def test_a_time_that_was_left_out_stays_left_out(host: Host, clock: FixedClock) -> None:
    body = sent()
    host.post(body)
    clock.at += timedelta(minutes=3)
    assert host.post(body).get_json()["duplicates"] == 1
    assert host.post(body | {"occurred_at": NOW.isoformat()}).get_json()["code"] == "id_conflict"


@pytest.mark.parametrize("digits", [7, 8, 9, 12])
def test_digits_below_a_microsecond_are_cut(host: Host, world: World, digits: int) -> None:
    at = f"2026-10-31T23:59:59.{'9' * digits}Z"
    events = [sent(occurred_at=at, metadata={"occurred_at": at}), sent(occurred_at=at.replace("Z", "+00:00"))]
    assert host.post(events[0]).get_json()["recorded"] == 1
    assert host.post({"events": [events[1], sent()]}).get_json()["recorded"] == 2
    assert world.used(host.org, period=MONTHS[1]) == 2
    listed = host.get(URL, to="2026-11-01T00:00:00Z").get_json()["events"]
    assert {each["occurred_at"] for each in listed} == {"2026-10-31T23:59:59.999999Z"}
    assert [each["metadata"]["occurred_at"] for each in listed if each["metadata"]] == [at]


def test_a_body_may_be_gzip(host: Host, world: World) -> None:
    host.headers |= {"Content-Encoding": "gzip"}
    body = json.dumps({"events": [sent(), sent()]}).encode()
    assert host.post(gzip.compress(body)).get_json()["recorded"] == 2
    assert host.post(gzip.compress(body[:20]) + gzip.compress(body[20:])).get_json()["duplicates"] == 2
    for wrong in (body, gzip.compress(body)[:-9], gzip.compress(body) + b"x"):
        answer = host.post(wrong)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request")
        assert "gzip" in answer.get_json()["detail"] or "its end is missing" in answer.get_json()["detail"]
    assert world.events(host.org) == 2


def test_of_a_hundred_thousand_gzip_members_sixteen_are_unpacked(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.headers |= {"Content-Encoding": "gzip"}
    opened: list[int] = []

    def counted(bits: int, make: Callable[[int], Any] = zlib.decompressobj) -> Any:
        opened.append(bits)
        return make(bits)

    monkeypatch.setattr(zlib, "decompressobj", counted)
    answer = host.post(gzip.compress(b"") * 100_000)
    assert (answer.status_code, len(opened)) == (400, 16)
    assert "more than 16 gzip members" in answer.get_json()["detail"]


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip"])
def test_another_encoding_is_415_and_names_gzip(host: Host, encoding: str) -> None:
    host.headers |= {"Content-Encoding": encoding}
    answer = host.post(b"x")
    assert (answer.status_code, answer.get_json()["code"]) == (415, "unsupported_encoding")
    assert answer.headers["Accept-Encoding"] == "gzip"


@cache
def _bombs() -> tuple[bytes, bytes]:
    """One of a gigabyte in one member, one of many members."""
    return gzip.compress(b" " * (1 << 30), 1), gzip.compress(b" " * (5 << 20)) * 50


@pytest.mark.slow
def test_a_bomb_of_gzip_is_413_and_unpacked_no_further_than_the_limit(host: Host, world: World) -> None:
    host.headers |= {"Content-Encoding": "gzip"}
    for bomb in _bombs():
        answer = host.post(bomb)
        assert (answer.status_code, answer.get_json()["code"]) == (413, "body_too_large")
    assert world.events(host.org) == 0


def test_a_batchs_refusals_carry_what_the_single_answer_does(host: Host) -> None:
    host.post(sent(quantity=99))
    alone = host.post(sent(quantity="1.5"))
    batch = host.post({"events": [sent(quantity="1.5"), sent(meter="nope"), sent(quantity=1)]})
    facts = ("meter", "limit", "used", "reserved", "requested", "resets_at", "upgrade_url")
    at_limit, unknown = batch.get_json()["refused"]
    assert {name: at_limit[name] for name in facts} == {name: alone.get_json()[name] for name in facts}
    assert unknown.keys() == {"index", "id", "code", "detail"}


def test_every_answer_says_in_a_header_how_many_events_were_recorded(host: Host) -> None:
    body = {"events": [sent(quantity=60), sent(quantity=30)]}
    answers = [
        host.post(body), host.post(body), host.post({"events": [sent(quantity=50)] * 2}), host.post(sent(quantity=1)),
        host.post(sent(quantity=50)), host.post(b"{"), host.post({"events": []}),
    ]  # fmt: skip
    assert [answer.headers["Tollkeeper-Recorded"] for answer in answers] == ["2", "0", "0", "1", "0", "0", "0"]


def test_check_ignores_an_idempotency_key(host: Host) -> None:
    host.headers |= {"Idempotency-Key": "same"}
    asked = {"meter": "t_sum", "quantity": 10}
    assert host.post(asked, CHECK).get_json()["allowed"]
    host.post(sent(quantity=95))
    assert not host.post(asked, CHECK).get_json()["allowed"]
    assert host.post(asked | {"quantity": 1}, CHECK).status_code == 200


def test_a_plus_that_an_address_lost_is_understood(host: Host) -> None:
    host.post(sent(occurred_at="2026-11-21T11:00:00Z"))
    for start, found in (("2026-11-21T12:00:00+01:00", 1), ("2026-11-21T12:00:01+01:00", 0)):
        answer = host.client.get(f"{URL}?from={start}&kind=a b+c", headers=host.headers)
        assert (answer.status_code, answer.get_json()["events"]) == (200, [])
        answer = host.client.get(f"{URL}?from={start}", headers=host.headers)
        assert len(answer.get_json()["events"]) == found
    wrong = host.get(URL, **{"from": "2026-11-21"}).get_json()
    assert "such as 2026-11-01T00:00:00Z" in wrong["errors"][0]["detail"]


def test_a_body_over_8_mib_is_413_and_records_nothing(host: Host, world: World) -> None:
    body = b'{"events": [' + b'{"id": "a", "meter": "t_sum"},' * 300_000 + b"]}"
    assert len(body) > 8 * 2**20
    answer = host.post(body)
    assert (answer.status_code, answer.get_json()["code"]) == (413, "body_too_large")
    assert world.events(host.org) == 0


def test_more_than_5000_events_are_refused_as_a_whole(host: Host, world: World) -> None:
    answer = host.post({"events": [{"id": str(i), "meter": "t_count"} for i in range(5001)]})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request")
    assert world.events(host.org) == 0


def test_refused_events_are_kept_as_sent_and_quota_refusals_as_counts_per_hour(host: Host) -> None:
    host.post(sent(id="one", meter="nope", kind="k"))
    host.post({"events": [sent(id="two", quantity="-3"), {"id": "three"}, sent(quantity=500), sent(quantity=600)]})
    host.post(sent(quantity=101))
    listed = host.get("/api/v1/usage/refused").get_json()
    codes = {each["id"]: each["code"] for each in listed["refused"]}
    assert codes == {"one": "unknown_meter", "two": "bad_quantity", "three": "invalid_event"}
    kept = {each["id"]: each["event"] for each in listed["refused"]}
    assert kept["one"] == {"id": "one", "meter": "nope", "kind": "k"}
    assert kept["two"]["quantity"] == "-3"
    assert kept["three"] == {"id": "three"}
    assert listed["quota"] == [{"meter": "t_sum", "hour": "2026-11-21T12:00:00Z", "count": 3, "quantity": "1201"}]


def test_refused_events_are_paged_and_belong_to_their_org(host: Host, world: World) -> None:
    host.post({"events": [sent(id=f"e{i}", meter="nope") for i in range(5)]})
    seen, cursor = [], None
    while True:
        page = host.get("/api/v1/usage/refused", limit=2, **({"next": cursor} if cursor else {})).get_json()
        seen += [each["id"] for each in page["refused"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(seen) == [f"e{i}" for i in range(5)]


def test_refused_events_are_bounded_an_hour_and_the_rest_is_counted(
    host: Host, world: World, clock: FixedClock
) -> None:
    host.post({"events": [sent(meter="nope") for _ in range(3000)] + [sent(id="x", quantity=-1)]})
    host.post({"events": [sent(meter="nope") for _ in range(50)]})
    host.post(sent(meter="nope"))
    kept = "SELECT code, count(*)::int FROM refused_events WHERE org_id = %s GROUP BY 1 ORDER BY 1"
    assert world.run(kept, (host.org,)) == [("bad_quantity", 1), ("unknown_meter", 200)]
    listed = host.get("/api/v1/usage/refused").get_json()
    assert listed["more"] == [{"code": "unknown_meter", "hour": "2026-11-21T12:00:00Z", "count": 2851}]
    clock.at += timedelta(hours=1)
    host.post(sent(meter="nope"))
    assert world.run(kept, (host.org,))[1] == ("unknown_meter", 201)


def test_what_could_not_be_decoded_is_kept_too(host: Host) -> None:
    host.post(b'{"events": [{"id": "a", "meter": "t_sum", "quantity": 1e999999, "metadata": {"b": "\\u0000"}}, 7]}')
    kept = host.get("/api/v1/usage/refused").get_json()["refused"]
    assert sorted((each["id"] or "", each["code"]) for each in kept) == [("", "invalid_event"), ("a", "bad_quantity")]
    assert {str(each["event"])[:9] for each in kept} == {"7", '{"id":"a"'}


def test_events_are_listed_newest_first_by_time_and_filter_and_paged(host: Host) -> None:
    times = [f"2026-11-21T{hour:02}:00:00Z" for hour in (8, 9, 10, 11)]
    batch = [
        sent(id=f"e{i}", occurred_at=at, kind="odd" if i % 2 else "even", user="u1", metadata={"i": i}, quantity=i)
        for i, at in enumerate(times)
    ]
    assert host.post({"events": batch}).get_json()["recorded"] == 4
    first = host.get(URL, limit=3).get_json()
    assert [each["id"] for each in first["events"]] == ["e3", "e2", "e1"]
    second = host.get(URL, limit=3, next=first["next"]).get_json()
    assert ([each["id"] for each in second["events"]], second["next"]) == (["e0"], None)
    row = first["events"][0]
    assert (row["quantity"], row["user"], row["metadata"], row["attempt"], row["billable"], row["source"]) == (
        "3", "u1", {"i": 3}, "original", True, "api",
    )  # fmt: skip
    chosen = host.get(URL, kind="odd", **{"from": times[1], "to": times[3]}).get_json()
    assert [each["id"] for each in chosen["events"]] == ["e1"]


@pytest.mark.parametrize(
    "query",
    [{"limit": 0}, {"limit": 201}, {"next": "x"}, {"next": "WyJhIl0"}, {"from": "now"}, {"from": "null"}, {"odd": 1}],
)
def test_a_wrong_query_is_an_invalid_request(host: Host, query: dict[str, Any]) -> None:
    answer = host.get(URL, **query)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request")


def test_check_answers_the_state_and_reserves_nothing(host: Host, world: World) -> None:
    host.post(sent(quantity=90))
    for _ in range(2):
        answer = host.post({"meter": "t_sum", "quantity": 10}, CHECK).get_json()
        assert (answer["allowed"], answer["reason"]) == (True, None)
        assert (answer["limit"], answer["used"], answer["remaining"]) == ("100", "90", "10")
        assert answer["resets_at"] == "2026-12-01T00:00:00Z"
    refused = host.post({"meter": "t_sum", "quantity": "10.5"}, CHECK).get_json()
    assert (refused["allowed"], refused["reason"]) == (False, "quota_exceeded")
    assert UPGRADE.fullmatch(refused["upgrade_url"])
    assert world.used(host.org) == 90


def test_check_answers_several_questions_apart(host: Host) -> None:
    asked = [("t_sum", 100), ("t_count", 1), ("nope", 1), ("t_sum", 101)]
    body = {"checks": [{"meter": meter, "quantity": quantity} for meter, quantity in asked]}
    answers = host.post(body, CHECK).get_json()["checks"]
    assert [each["allowed"] for each in answers] == [True, True, False, False]
    assert answers[1]["limit"] is None
    assert answers[2]["reason"] == "unknown_meter"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"meter": "nope"}, 422, "unknown_meter"),
        ({"meter": "t_sum", "quantity": -1}, 422, "bad_quantity"),
        ({}, 400, "invalid_request"),
        ({"meter": "t_sum", "checks": []}, 400, "invalid_request"),
        ({"checks": []}, 400, "invalid_request"),
    ],
)
def test_a_wrong_check_is_refused(host: Host, body: dict[str, Any], status: int, code: str) -> None:
    answer = host.post(body, CHECK)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


def test_check_sees_windows(host: Host, world: World) -> None:
    world.limit(host.org, "t_sum2", policy="charge", allowance=0, per_minute=5)
    host.post(sent(meter="t_sum2", quantity=4))
    answer = host.post({"meter": "t_sum2", "quantity": 2}, CHECK).get_json()
    assert (answer["allowed"], answer["span"], answer["limit"], answer["used"]) == (False, "minute", "5", "4")
    assert answer["resets_at"] == "2026-11-21T12:01:00Z"


def test_what_is_reserved_of_the_period_takes_nothing_of_a_window(host: Host, world: World) -> None:
    world.limit(host.org, "t_sum2", policy="charge", allowance=100, per_minute=5)
    host.post(sent(meter="t_sum2", quantity=1))
    world.run("UPDATE usage_counters SET reserved = 3 WHERE org_id = %s", (host.org,))
    answer = host.post({"meter": "t_sum2", "quantity": 5}, CHECK).get_json()
    assert (answer["span"], answer["used"], answer["reserved"], answer["remaining"]) == ("minute", "1", "0", "4")
    assert host.post(sent(meter="t_sum2", quantity=4)).status_code == 200


@pytest.mark.parametrize("scopes", [["usage:read"], ["billing:read"]])
def test_writing_needs_its_scope(host: Host, session: Session, wall: FixedClock, scopes: list[str]) -> None:
    made = create_key(
        session, host.org, "narrow", scopes, pepper="test-key-pepper-test-key-pepper-test-pepper", actor=SYSTEM,
        now=wall.now(),
    )  # fmt: skip
    session.commit()
    host.headers = {"Authorization": f"Bearer {made.secret}"}
    answer = host.post(sent())
    assert (answer.status_code, answer.get_json()["code"]) == (403, "scope_missing")
