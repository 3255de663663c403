"""Staff find organisations by what they have at hand: a name, an address, an id of ours or of Stripe's."""

from __future__ import annotations

import html
import re
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.payments.models import StripeInvoice
from tests import factories
from tests.admin.test_pages import read
from tests.scenario import Org, Scenario
from tests.scenario.mirrors import payer


def names(page: str) -> list[str]:
    """The organisations that a page lists, in its order."""
    return re.findall(r'<th scope="row" data-label="Name"><a [^>]*>([^<]+)</a>', html.unescape(page))


def listed(scenario: Scenario, **query: Any) -> list[str]:
    return names(scenario.staff().get("/admin/orgs", query_string=query).get_data(as_text=True))


def called(scenario: Scenario, **query: Any) -> list[str]:
    """The organisations that the API lists."""
    answer = scenario.app.test_client().get(
        "/api/v1/admin/orgs", query_string=query, headers=scenario.api("admin:read")
    )
    assert answer.status_code == 200, answer.get_json()
    return [each["name"] for each in answer.get_json()["orgs"]]


def name_of(org: Org) -> str:
    found: str = org.session.execute(text("SELECT name FROM orgs WHERE id = :id"), {"id": org.id}).scalar_one()
    return found


def change(org: Org, statement: str, **values: Any) -> None:
    session = org.session
    session.execute(text(statement), {"id": org.id} | values)
    session.commit()


def test_an_org_is_found_by_each_of_its_stripe_ids(scenario: Scenario) -> None:
    org = payer(scenario)
    invoice = org.session.query(StripeInvoice.id).filter_by(org_id=org.id).limit(1).scalar()
    assert org.customer is not None
    assert org.mirror is not None
    for stripe_id in (org.customer.id, org.mirror.id, invoice):
        assert listed(scenario, q=stripe_id) == called(scenario, search=stripe_id) == [name_of(org)], stripe_id


def test_part_of_a_stripe_id_finds_nothing(scenario: Scenario) -> None:
    org = payer(scenario)
    assert org.customer is not None
    assert listed(scenario, q=org.customer.id[:-1]) == []


def test_an_org_is_found_by_its_own_id(scenario: Scenario) -> None:
    org = scenario.org()
    assert listed(scenario, q=str(org.id)) == called(scenario, search=str(org.id).upper()) == [name_of(org)]
    assert listed(scenario, q=str(uuid4())) == []


def test_an_org_is_found_by_an_address_that_invoices_are_copied_to(scenario: Scenario) -> None:
    org, email = scenario.org(), f"{factories.unique('Books')}@example.com"
    change(org, "UPDATE orgs SET billing_emails = ARRAY[:email] WHERE id = :id", email=email)
    for search in (email, email.upper(), email.split("@", maxsplit=1)[0]):
        assert listed(scenario, q=search) == called(scenario, search=search) == [name_of(org)], search


def test_a_deleted_org_is_not_found(scenario: Scenario) -> None:
    org = payer(scenario)
    name, customer = name_of(org), org.customer
    change(org, "UPDATE orgs SET deleted_at = now() WHERE id = :id")
    assert customer is not None
    assert [listed(scenario, q=search) for search in (name, str(org.id), customer.id)] == [[], [], []]


def test_orgs_are_filtered_by_plan_and_state(scenario: Scenario) -> None:
    word = factories.unique("kept")
    _, pro, stopped = (scenario.org(name=f"{word} {each}") for each in ("free", "pro", "stopped"))
    pro.on("pro", since="2026-11-01 00:00")
    change(pro, "UPDATE subscriptions SET state = 'past_due' WHERE org_id = :id")
    change(stopped, "UPDATE orgs SET suspended_at = now() WHERE id = :id")
    assert listed(scenario, q=word, plan="pro") == called(scenario, search=word, plan="pro") == [f"{word} pro"]
    assert listed(scenario, q=word, plan="free") == [f"{word} stopped", f"{word} free"]
    for state, kept in (("suspended", ["stopped"]), ("owing", ["pro"]), ("trial", []), ("active", ["pro", "free"])):
        assert listed(scenario, q=word, state=state) == called(scenario, search=word, state=state)
        assert listed(scenario, q=word, state=state) == [f"{word} {each}" for each in kept], state


@pytest.mark.parametrize(
    ("sort", "order"), [("newest", "bac"), ("oldest", "cab"), ("name", "abc"), ("name_back", "cba")]
)
def test_pages_of_each_order_hold_every_org_once(scenario: Scenario, sort: str, order: str) -> None:
    word = factories.unique("sorted")
    for each in ("C", "a", "B"):
        scenario.org(name=f"{word} {each}")
    found, cursor = [], None
    client, headers = scenario.app.test_client(), scenario.api("admin:read")
    while True:
        query = {"search": word, "sort": sort, "limit": 2} | ({"next": cursor} if cursor else {})
        page = client.get("/api/v1/admin/orgs", query_string=query, headers=headers).get_json()
        found += [each["name"].rpartition(" ")[2].lower() for each in page["orgs"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert "".join(found) == order


def test_the_search_stays_in_the_address_of_the_next_page(scenario: Scenario) -> None:
    word = factories.unique("many")
    for number in range(27):
        scenario.org(name=f"{word} {number:02}")
    staff = scenario.staff()
    first = read(staff, f"/admin/orgs?q={word}&plan=free&state=active&sort=name")
    following = re.search(r'href="(/admin/orgs\?[^"]*next=[^"]+)" rel="next"', first)
    assert following is not None
    second = read(staff, html.unescape(following[1]))
    assert names(first) + names(second) == [f"{word} {number:02}" for number in range(27)]
    assert f'value="{word}"' in second
    assert re.search(r'<option value="name" selected>', second)


@pytest.mark.parametrize("query", ["state=nope", "sort=nope", "plan=nope", "next=nope", "q=%00", "q=cus_"])
def test_a_query_that_makes_no_sense_still_shows_the_page(scenario: Scenario, query: str) -> None:
    read(scenario.staff(), f"/admin/orgs?{query}")


@pytest.mark.parametrize("query", ["state=nope", "sort=nope", "next=nope"])
def test_the_api_refuses_a_query_that_makes_no_sense(scenario: Scenario, query: str) -> None:
    answer = scenario.app.test_client().get(f"/api/v1/admin/orgs?{query}", headers=scenario.api("admin:read"))
    assert answer.status_code == 400


def test_a_search_takes_at_most_six_statements(scenario: Scenario) -> None:
    staff = scenario.staff()
    for query in ("", "?q=ada", "?q=cus_0123456789", "?plan=pro&state=owing&sort=name"):
        with scenario.statements() as asked:
            read(staff, f"/admin/orgs{query}")
        assert len(asked) <= 6, asked


def test_ids_and_names_are_looked_up_by_an_index(scenario: Scenario) -> None:
    """With sequential scans forbidden, the plan shows whether an index serves the search."""
    session = scenario.session
    session.execute(text("SET LOCAL enable_seqscan = off"))
    for statement in (
        "SELECT org_id FROM payments_stripe_ids WHERE id = 'cus_0123456789'",
        "SELECT id FROM accounts_orgs WHERE deleted_at IS NULL ORDER BY lower(name), id LIMIT 26",
    ):
        plan = "\n".join(row[0] for row in session.execute(text(f"EXPLAIN {statement}")))
        assert "Seq Scan" not in plan, plan
        assert "Sort" not in plan, plan
    session.rollback()
