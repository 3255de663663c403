"""The access table, read and walked: every route of the URL map x every role x a stranger from another org.

The rule says what a caller gets; the walk asks the running app. Ids in addresses are those of the owner's org, so that
the stranger, who is an owner elsewhere, must be told that there is no such thing. One guard reads the table for every
route (`factory.middleware`), so `make test` reads every row and walks to the first route of each rule in each
blueprint, and to every route with an id of the org's, since only its own query keeps a stranger out. `make test-long`
walks to all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule as Route

from app.accounts.api_keys.key_format import hash_key, new_key
from app.accounts.auth_models import ApiKey
from app.accounts.identity import RequestOrigin
from app.accounts.models import Client, Invitation, Membership, Org, User
from app.accounts.roles import ORG_SCOPES, ROLES, STAFF_SCOPES
from app.accounts.sign_in.session_user import find_session_user
from app.accounts.sign_in.sessions import open_session
from app.factory.access import ACCESS
from app.factory.rules import Rule
from app.kit.ids import new_id
from app.web.database import transaction
from app.web.runtime import runtime, wall_now
from tests.today import NOON

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# A made-up value where a parameter is no id of an org's thing: what is asked is who may come in, not what is found.
UNKNOWN = "00000000-0000-7000-8000-00000000dead"


@dataclass(frozen=True)
class World:
    """One org with a member of each role, a client and a key; a stranger with another org; a member of staff."""

    org_id: UUID
    client_id: UUID
    key_id: UUID
    member_id: UUID
    invitation_id: UUID
    people: dict[str, UUID]
    orgs: dict[str, UUID]


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    with app.app_context(), transaction() as session:
        org, other = (Org(id=new_id(), name=name, created_at=NOON) for name in ("Ours", "Theirs"))
        session.add_all([org, other])
        session.flush()
        people: dict[str, UUID] = {}
        for who in (*ROLES, "stranger", "staff"):
            user = User(id=new_id(), email=f"{who}-{new_id().hex}@example.com", name=who, created_at=NOON,
                        email_verified_at=NOON, staff=who == "staff")  # fmt: skip
            session.add(user)
            people[who] = user.id
        session.flush()
        homes = {who: org.id if who in ROLES else other.id for who in people}
        for who, user_id in people.items():
            role = who if who in ROLES else "owner"
            session.add(Membership(org_id=homes[who], user_id=user_id, role=role, created_at=NOON))
        client = Client(id=new_id(), org_id=org.id, ref="c-1", name="A client", created_at=NOON)
        key = _key(org.id, ["usage:read"])[0]
        invitation = Invitation(id=new_id(), org_id=org.id, email="guest@example.com", role="viewer",
                                token_hash=new_id().bytes, invited_by=people["owner"], created_at=NOON,
                                expires_at=NOON + timedelta(days=7))  # fmt: skip
        session.add_all([client, key, invitation])
        return World(org.id, client.id, key.id, people["member"], invitation.id, people, homes)


def _key(org_id: UUID | None, scopes: list[str]) -> tuple[ApiKey, str]:
    text = new_key()
    digest = hash_key(text, runtime().settings.key_pepper.encode())
    row = ApiKey(id=new_id(), org_id=org_id, name="walk", prefix=text[:12], last4=text[-4:], key_hash=digest,
                 scopes=scopes, created_at=wall_now())  # fmt: skip
    return row, text


def routes(app: Flask) -> Iterator[tuple[Route, str, Rule]]:
    for route in sorted(app.url_map.iter_rules(), key=lambda each: each.rule):
        for method in sorted(set(METHODS) & (route.methods or set())):
            yield route, method, ACCESS[route.endpoint]


def first_of_each(app: Flask) -> set[tuple[str, str]]:
    """Rule and method of one route for each rule of a blueprint, and of each route with an id in its address."""
    found: dict[tuple[Rule, str, str, bool], tuple[str, str]] = {}
    for route, method, rule in routes(app):
        blueprint, own = route.endpoint.partition(".")[0], route.rule if "_id>" in route.rule else ""
        found.setdefault((rule, blueprint, own, method == "GET"), (route.rule, method))
    return set(found.values())


@pytest.fixture(params=["the first of each", pytest.param("all", marks=pytest.mark.long)])
def walked(request: pytest.FixtureRequest, app: Flask) -> list[tuple[Route, str, Rule]]:
    """The routes that a test walks to."""
    first = first_of_each(app)
    return [each for each in routes(app) if request.param == "all" or (each[0].rule, each[1]) in first]


def address(route: Route, world: World) -> str:
    known = {
        "client_id": world.client_id, "key_id": world.key_id, "org_id": world.org_id, "user_id": world.member_id,
        "invitation_id": world.invitation_id,
    }  # fmt: skip
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", lambda found: str(known.get(found[1], UNKNOWN)), route.rule)


def ask(app: Flask, world: World, who: str, method: str, path: str) -> tuple[int, str]:
    """The status, and where a redirect leads. The walk may take a member out: everybody asks anew."""
    user, user_id, org_id = None, world.people.get(who), world.orgs.get(who)
    if user_id is not None and org_id is not None:
        with app.app_context(), transaction() as session:
            role = who if who in ROLES else "owner"
            session.merge(Membership(org_id=org_id, user_id=user_id, role=role, created_at=NOON))
            visit = RequestOrigin(address="127.0.0.1", agent="walk")
            token, _ = open_session(session, user_id, org_id, visit, now=wall_now())
        with app.app_context():
            user = find_session_user(token, None, now=wall_now())
    answer = app.test_client(user=user).open(path, method=method, buffered=True)
    return answer.status_code, answer.headers.get("Location", "")


@pytest.fixture
def tokenless(app: Flask) -> Iterator[None]:
    """Without form tokens, so that the walk meets the guards; that forms need a token is a test of its own."""
    app.config["WTF_CSRF_ENABLED"] = False
    yield
    app.config["WTF_CSRF_ENABLED"] = True


def test_every_route_has_a_row_and_every_row_a_route(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == set(ACCESS)


SCOPES = {*ORG_SCOPES, *STAFF_SCOPES}


def test_every_row_is_a_rule_that_its_address_promises(app: Flask) -> None:
    """Read, not walked: what the guards compare is there, and no address below /admin or /api is anybody's."""
    wrong = []
    for route, method, rule in routes(app):
        kind = {"role": bool(rule.roles) and rule.roles <= set(ROLES), "key": rule.scope in SCOPES}
        sound = kind.get(rule.kind, rule.kind in {"public", "signed_in", "staff", "operator"})
        sound &= bool(rule.roles) == (rule.kind == "role") and (rule.scope is not None) == (rule.kind == "key")
        staff = "/admin" in route.rule
        if route.rule.startswith("/api/"):
            promised = rule.kind == "key" if method != "GET" or staff else rule.kind in {"key", "public"}
            promised &= staff == str(rule.scope).startswith("admin:")
        else:
            promised = (rule.kind == "staff") == staff and rule.kind != "key"
        if not (sound and promised):
            wrong.append(f"{method} {route.rule}: {rule}")
    assert wrong == []


@pytest.mark.usefixtures("tokenless")
@pytest.mark.parametrize("who", ["visitor", *ROLES, "stranger", "staff"])
def test_each_person_gets_what_the_table_says(
    app: Flask, world: World, who: str, walked: list[tuple[Route, str, Rule]]
) -> None:
    wrong = []
    for route, method, rule in walked:
        if rule.kind in {"key", "operator"} or route.endpoint in LEAVING:
            continue
        status, where = ask(app, world, who, method, address(route, world))
        if not _as_the_rule_says(rule, who, status, where, foreign="_id>" in route.rule or "<key>" in route.rule):
            wrong.append(f"{who} {method} {route.rule} ({rule.kind} {sorted(rule.roles)}): {status} {where}")
    assert wrong == []


# Whoever may, goes out by these; their own tests say so. The rest of the walk needs them inside.
LEAVING = {"accounts.sign_out"}


def _as_the_rule_says(rule: Rule, who: str, status: int, where: str, *, foreign: bool) -> bool:
    if status >= 500:
        return False
    to_sign_in = status == 303 and where.startswith("/sign-in")
    if rule.kind == "public":
        return status not in {401, 403}
    if who == "visitor":
        return to_sign_in
    if rule.kind == "staff":
        return (status != 404 or foreign) if who == "staff" else status == 404
    role = who if who in ROLES else "owner"
    if rule.kind == "role" and role not in rule.roles:
        return status == 403
    return status == 404 if foreign and who == "stranger" else not to_sign_in and status not in {401, 403}


# No form of ours leads to these: each delivery carries a signature.
SIGNED = {"webhooks.stripe"}


def test_every_form_needs_its_token(app: Flask, world: World) -> None:
    wrong = []
    for route, method, rule in routes(app):
        if method == "GET" or rule.kind == "key" or route.endpoint in SIGNED:
            continue
        status, _ = ask(app, world, "owner", method, address(route, world))
        if status != 403:
            wrong.append(f"{method} {route.rule}: {status}")
    assert wrong == []


@pytest.mark.usefixtures("tokenless")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, 303),
        ({"Origin": "http://localhost"}, 303),
        ({}, 303),
    ],
)
def test_a_form_of_another_site_is_refused_whatever_it_carries(
    client: FlaskClient, headers: dict[str, str], status: int
) -> None:
    assert client.post("/sign-out", headers=headers).status_code == status


@pytest.mark.parametrize("kind", ["none", "garbage", "scopeless"])
def test_the_api_lets_nobody_in_without_the_key_and_its_scope(app: Flask, world: World, kind: str) -> None:
    headers = {"none": {}, "garbage": {"Authorization": "Bearer tk_live_x"}, "scopeless": _scopeless(app, world)}[kind]
    expected = {"none": "invalid_key", "garbage": "invalid_key", "scopeless": "scope_missing"}[kind]
    wrong = []
    for route, method, rule in routes(app):
        if rule.kind != "key" or (kind == "scopeless" and rule.scope == "jobs:write"):
            continue
        answer = app.test_client().open(address(route, world), method=method, headers=headers)
        if (answer.get_json() or {}).get("code") != expected:
            wrong.append(f"{method} {route.rule}: {answer.status_code} {answer.get_data()[:80]!r}")
    assert wrong == []


def test_a_cookie_opens_no_door_of_the_api(app: Flask, world: World) -> None:
    for route, method, rule in routes(app):
        if rule.kind == "key":
            status, _ = ask(app, world, "owner", method, address(route, world))
            assert status == 401, f"{method} {route.rule}"


def test_metrics_are_the_operators(client: FlaskClient) -> None:
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer test-metrics-token"}).status_code == 200


def test_alive_and_ready_are_said_to_everybody(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "alive"}
    assert client.get("/readyz").get_json()["status"] == "ready"


def _scopeless(app: Flask, world: World) -> dict[str, str]:
    """A key with a scope that no route asks for yet."""
    with app.app_context(), transaction() as session:
        row, text = _key(world.org_id, ["jobs:write"])
        session.add(row)
    return {"Authorization": f"Bearer {text}"}
