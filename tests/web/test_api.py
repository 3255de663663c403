"""The doors of the API: what is parsed, what is refused, and in which words; on a small app of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID, uuid4

import msgspec
import pytest
import sqlalchemy.exc
from flask import Flask, g
from flask.testing import FlaskClient

from app.kit.clock import Clocks
from app.kit.errors import NotFound, Refused, Unavailable
from app.kit.postgres.pool import HotPool
from app.portal.docs.views import docs
from app.web import errors
from app.web.api import Api
from app.web.database import db, transaction
from app.web.idempotency import IdempotencyKey
from app.web.runtime import Runtime
from tests.support.settings import make_settings
from tests.today import NOON, FixedClock

OWNER = uuid4()
COUNTED: list[int] = []


class Thing(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: int = 1


class Told(msgspec.Struct):
    amount: Decimal
    at: datetime
    name: str = ""


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    limit: int = 10


api = Api("trial", __name__)


@api.operation("POST", "/things", summary="Make a thing", request=Thing, response=Told)
def make_thing(thing: Thing) -> Told:
    COUNTED.append(thing.size)
    east = timezone(timedelta(hours=2))
    return Told(amount=Decimal("1E+3"), at=NOON.astimezone(east), name=thing.name)


@api.operation("POST", "/things/<ident>/copy", summary="Copy a thing", request=Asked, response=Told)
def copy_thing(asked: Asked, ident: str) -> Told:
    return Told(amount=Decimal(asked.limit), at=NOON, name=ident)


@api.operation("POST", "/things/<ident>/order", summary="Order it from somebody else", request=Thing, response=Told,
               outside=True)  # fmt: skip
def order_thing(thing: Thing, ident: str) -> Told:
    COUNTED.append(thing.size)
    if len(COUNTED) > thing.size:
        raise Unavailable("They do not answer.")
    return Told(amount=Decimal(thing.size), at=NOON, name=ident)


@api.operation("GET", "/things", summary="List things", response=Told, query=Asked)
def list_things(query: Asked) -> Told:
    return Told(amount=Decimal(query.limit), at=NOON)


@api.operation("GET", "/things/<ident>", summary="One thing", response=Told)
def one_thing(ident: str) -> Told:
    problems = {
        "missing": NotFound("There is no such thing."),
        "full": Refused("Full.", code="quota_exceeded", meter="calls", limit="5", resets_at=NOON + timedelta(hours=1)),
        "away": sqlalchemy.exc.OperationalError("select secret", {}, Exception("no route")),
        "broken": RuntimeError("password=hunter2"),
    }
    raise problems[ident]


@pytest.fixture
def trial(database: str) -> Iterator[FlaskClient]:
    app = Flask("trial", template_folder=None)
    app.config["SQLALCHEMY_DATABASE_URI"] = database.replace("postgresql://", "postgresql+psycopg://", 1)
    clocks = Clocks(FixedClock(NOON), FixedClock(NOON))
    app.extensions["tollkeeper"] = Runtime(make_settings(database), clocks, HotPool(database, 1), NOON)
    db.init_app(app)
    app.register_blueprint(api)
    app.register_blueprint(docs)  # every problem names its page there
    errors.register(app)
    app.before_request(lambda: setattr(g, "idempotency_owner", OWNER))
    COUNTED.clear()
    with app.app_context():
        yield app.test_client()
        db.session.remove()
        db.engine.dispose()


def test_decimals_leave_as_plain_text_and_times_in_utc(trial: FlaskClient) -> None:
    answer = trial.post("/api/v1/things", json={"name": "a"})
    assert answer.get_json() == {"amount": "1000", "at": "2026-11-21T12:00:00Z", "name": "a"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", ""),
        (b"[]", ""),
        (b'{"size": 1}', ""),
        (b'{"name": 1}', "name"),
        (b'{"name": "a", "size": "x"}', "size"),
        (b'{"name": "a", "colour": "red"}', "colour"),
        (b'{"name": "a\\u0000"}', ""),
        (b"\xff\xfe", ""),
        (b"[" * 10_000, ""),
    ],
)
def test_a_body_that_cannot_be_parsed_names_its_field(trial: FlaskClient, body: bytes, field: str) -> None:
    answer = trial.post("/api/v1/things", data=body, content_type="application/json")
    problem = answer.get_json()
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    assert problem["code"] == "invalid_request"
    assert problem["type"].endswith("/docs/problems/invalid_request")
    assert problem["errors"][0]["field"] == field
    assert COUNTED == []


def test_another_content_type_is_415(trial: FlaskClient) -> None:
    answer = trial.post("/api/v1/things", data=b"name=a", content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, answer.get_json()["code"]) == (415, "unsupported_media_type")


def test_a_body_over_8_mib_is_413(trial: FlaskClient) -> None:
    answer = trial.post("/api/v1/things", data=b" " * (9 << 20), content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("query", ["limit=x", "colour=red", "limit=1&limit=2", "limit=%00"])
def test_a_query_that_cannot_be_parsed_is_400(trial: FlaskClient, query: str) -> None:
    assert trial.get(f"/api/v1/things?{query}").get_json()["code"] == "invalid_request"


def test_an_unknown_address_and_a_wrong_method_are_problems_too(trial: FlaskClient) -> None:
    assert trial.get("/api/v1/nothing").get_json()["code"] == "not_found"
    wrong = trial.delete("/api/v1/things")
    assert (wrong.status_code, wrong.get_json()["code"]) == (405, "method_not_allowed")
    assert "POST" in wrong.headers["Allow"]


def test_a_refusal_carries_its_facts_and_when_to_come_back(trial: FlaskClient) -> None:
    answer = trial.get("/api/v1/things/full")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "3600"
    assert answer.get_json() | {"request_id": ""} == {
        "type": "http://localhost/docs/problems/quota_exceeded",
        "title": "A limit is reached",
        "status": 429,
        "detail": "Full.",
        "code": "quota_exceeded",
        "request_id": "",
        "meter": "calls",
        "limit": "5",
        "resets_at": "2026-11-21T13:00:00Z",
    }


def test_a_database_that_is_away_is_503_and_tells_no_sql(trial: FlaskClient) -> None:
    answer = trial.get("/api/v1/things/away")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert b"secret" not in answer.data


def test_a_fault_of_ours_tells_nothing_but_the_request_id(trial: FlaskClient) -> None:
    answer = trial.get("/api/v1/things/broken")
    assert answer.status_code == 500
    assert b"hunter2" not in answer.data


def test_the_same_key_and_body_replays_the_first_answer(trial: FlaskClient) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    first = trial.post("/api/v1/things", json={"name": "a"}, headers=headers)
    second = trial.post("/api/v1/things", json={"name": "a"}, headers=headers)
    assert first.data == second.data
    assert second.headers["Idempotent-Replayed"] == "true"
    assert COUNTED == [1]


def test_the_same_key_with_another_body_is_a_conflict(trial: FlaskClient) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    trial.post("/api/v1/things", json={"name": "a"}, headers=headers)
    other = trial.post("/api/v1/things", json={"name": "b"}, headers=headers)
    assert (other.status_code, other.get_json()["code"]) == (409, "idempotency_conflict")


def test_the_same_key_and_body_for_another_thing_is_a_conflict(trial: FlaskClient) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    assert trial.post("/api/v1/things/a/copy", json={}, headers=headers).get_json()["name"] == "a"
    assert trial.post("/api/v1/things/b/copy", json={}, headers=headers).status_code == 409


def test_a_repeat_outside_that_fails_leaves_the_key_to_what_it_was_used_for(trial: FlaskClient) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    asked = {"name": "a", "size": 1}
    answers = [trial.post("/api/v1/things/a/order", json=asked, headers=headers).status_code for _ in range(2)]
    assert answers == [200, 503]
    other = trial.post("/api/v1/things/a/order", json={"name": "a", "size": 9}, headers=headers)
    assert (other.status_code, other.get_json()["code"]) == (409, "idempotency_conflict")


def test_a_key_older_than_a_day_is_forgotten(trial: FlaskClient) -> None:
    key = str(uuid4())
    with transaction() as session:
        old = IdempotencyKey(owner_id=OWNER, key=key, request_hash=b"x", created_at=NOON - timedelta(hours=25))
        session.add(old)
    assert trial.post("/api/v1/things", json={"name": "a"}, headers={"Idempotency-Key": key}).status_code == 200


def test_a_key_of_another_org_is_another_key(trial: FlaskClient) -> None:
    key = str(uuid4())
    with transaction() as session:
        session.add(IdempotencyKey(owner_id=UUID(int=1), key=key, request_hash=b"x", created_at=NOON))
    assert trial.post("/api/v1/things", json={"name": "a"}, headers={"Idempotency-Key": key}).status_code == 200
