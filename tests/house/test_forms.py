"""Whatever is in a form's fields, its answer is a page and names what is wrong: one rule for every form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.web.forms import EMPTY
from tests.factories import PASSWORD, make_member, make_org, signed_in
from tests.house.test_access import routes
from tests.pages import send

NAMES = ("password", "new_password", "current_password", "token", "name", "reason", "next", "code", "external_id",
         "ref", "email", "role", "time_zone", "line1", "country", "tax_id", "scopes", "expires", "offer", "once",
         "interval", "currency", "version", "theme", "org_id", "legal_name", "billing_emails", "order_number",
         "invoice_note")  # fmt: skip
VALUES = {
    "blanks": "   ",
    "ideographic blanks": "\u3000\u3000",
    "nothing to see": "\u200b\u200d",
    "NUL": "a\x00b",
    "half an emoji": "\ud83d".encode("utf-8", "surrogatepass"),
    "9 kB": "x" * 9_000,
    "900 kB": "x" * 900_000,
    "a file": None,
}


@pytest.fixture
def tokenless(app: Flask) -> Iterator[None]:
    """Without form tokens, so that the fields are read."""
    app.config["WTF_CSRF_ENABLED"] = False
    yield
    app.config["WTF_CSRF_ENABLED"] = True


@pytest.mark.usefixtures("tokenless")
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.long] if kind == "900 kB" else []) for kind in VALUES]
)
def test_no_form_fails_whatever_is_in_its_fields(app: Flask, session: Session, kind: str) -> None:
    org = make_org(session)
    owner = make_member(session, org, password=PASSWORD)
    owner.staff = True
    session.commit()
    failed = []
    for route, method, rule in routes(app):
        if (
            method != "POST"
            or rule.kind in {"key", "operator"}
            or route.endpoint in {"accounts.sign_out", "webhooks.stripe"}
        ):
            continue
        path = re.sub(r"<(?:[^:<>]+:)?org_id>", str(org.id), route.rule)
        path = re.sub(r"<(?:[^:<>]+:)?user_id>", str(owner.id), path)
        path = re.sub(r"<[^>]+>", str(uuid4()), path)
        sent = {name: (BytesIO(b"x"), "x.txt") if kind == "a file" else VALUES[kind] for name in NAMES}
        status = signed_in(app, session, owner, org).post(path, data=sent).status_code
        if status >= 500:
            failed.append(f"{route.rule}: {status}")
    assert failed == []


@pytest.mark.parametrize("name", ["   ", "\u3000", "\u200b\u200d", "\u0301"])
@pytest.mark.parametrize(
    ("path", "fields"),
    [("/settings/profile", {}), ("/settings/org", {"time_zone": "UTC"}), ("/settings/clients", {"ref": "c-1"})],
    ids=["person", "organisation", "client"],
)
def test_a_name_has_something_to_see(
    app: Flask, session: Session, path: str, fields: dict[str, str], name: str
) -> None:
    org = make_org(session)
    answer = send(signed_in(app, session, make_member(session, org), org), path, name=name, **fields)
    assert answer.status_code == 422
    assert EMPTY in answer.text
    assert session.scalar(text("SELECT count(*) FROM clients WHERE org_id = :org"), {"org": org.id}) == 0


def test_a_name_may_join_its_signs(app: Flask, session: Session) -> None:
    """A zero-width joiner is part of names in Persian and of emoji; only alone it shows nothing."""
    org = make_org(session)
    page = signed_in(app, session, make_member(session, org), org)
    assert (
        send(page, "/settings/profile", name="\u0646\u06cc\u200c\u0646\u0627 \U0001f469\u200d\U0001f4bb").status_code
        == 303
    )


@pytest.mark.parametrize(
    "name",
    ["Ad\u200bmin", "Ad\u200dmin", "Adm\u00adin", "Ad\u2060min", "Admin\u200c", "Ad\u034fmin", "\u3164Admin",
     "Ad\u115fmin", "Admin\u2800", "Ad\ufe00min", "Admin\ufe0f", "Ad\U000e0061min", "Ad\u2028min",
     "\u5c71\u200d\u7530", "Ad\u061cmin"],
)  # fmt: skip
def test_a_name_hides_nothing(app: Flask, session: Session, name: str) -> None:
    """Two names that look alike are the same name, or one of them is refused."""
    org = make_org(session)
    page = signed_in(app, session, make_member(session, org), org)
    answer = send(page, "/settings/profile", name=name)
    assert answer.status_code == 422
    assert "characters that are not allowed" in answer.text


@pytest.mark.parametrize(
    "name",
    ["\u2764\ufe0f Ada", "\u0915\u094d\u200d\u0937", "Nguy\u1ec5n", "O\u2019Brien", "\u5c71\u7530\u3000\u592a\u90ce"],
)
def test_names_of_many_scripts_are_taken(app: Flask, session: Session, name: str) -> None:
    org = make_org(session)
    page = signed_in(app, session, make_member(session, org), org)
    assert send(page, "/settings/profile", name=name).status_code == 303
