"""An organisation sees its own currency, in that currency's places, wherever an amount is shown (rules 2.1, 2.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from app.kit.actor import SYSTEM
from app.kit.money import line_step
from app.mail.models import Mail
from app.metering.corrections.void import void_event
from app.payments.cli import background_gateway
from app.web.database import transaction
from app.web.filters import money
from tests.billing_runs.test_close import ends_and_closes
from tests.factories import PASSWORD, MadePlan, unique
from tests.pages import send, text_of
from tests.payments.plan_changes.test_confirm import push
from tests.scenario import Org, Scenario
from tests.support.amounts import ANY, foreign, misplaced, read


@dataclass(frozen=True)
class Sold:
    """A plan and a dearer one, by month and year, and a unit above the allowance of 1,000; and how they are shown.

    `usage` is 1,001 units above the allowance, `renewal` that and a month; the file's and the API's are of that.
    """

    month: str
    year: str
    dearer: tuple[str, str]
    unit: str
    price: str
    fee: str
    each: str
    usage: str
    renewal: str
    csv: str
    minor: int


SOLD = {
    "EUR": Sold("46.00", "460.00", ("92.00", "920.00"), "0.015", "€46", "€46.00", "€0.015 each", "€15.02",
                 "€61.02", "61.02", 6102),
    "JPY": Sold("7400", "74000", ("14800", "148000"), "1.5", "¥7,400", "¥7,400", "¥1.5 each", "¥1,502",
                 "¥8,902", "8902", 8902),
    "KWD": Sold("15.000", "150.000", ("30.000", "300.000"), "0.0035", "KWD 15", "KWD 15.000", "KWD 0.0035 each",
                 "KWD 3.500", "KWD 18.500", "18.500", 18_500),
}  # fmt: skip


def mails(org: Org) -> list[Mail]:
    """What its members were sent, oldest first."""
    [email] = [row.email for row in org.rows("SELECT email FROM users u JOIN memberships m ON m.user_id = u.id"
                                             " WHERE m.org_id = :org")]  # fmt: skip
    return list(org.session.scalars(select(Mail).where(Mail.to_address == email).order_by(Mail.id)))


def speaks(words: str, currency: str, where: str) -> None:
    assert (foreign(words, currency), misplaced(words, currency)) == (set(), set()), where


def plans(scenario: Scenario, currency: str) -> tuple[MadePlan, MadePlan]:
    sold = SOLD[currency]
    terms: dict[str, Any] = {"policy": "charge", "allowance": 1000}
    unit = f'model = "per_unit"\nunit_amount = "{sold.unit}"'
    return (
        scenario.plan(sold=(currency, sold.month, sold.year), priced=unit, **terms),
        scenario.plan(sold=(currency, *sold.dearer), priced=unit, meter="more_units", **terms),
    )


def subscribed(scenario: Scenario, plan: MadePlan, currency: str) -> Org:
    """An org that paid a month, used 2,001 units, and was billed for it."""
    org = scenario.org()
    with background_gateway():
        opened = org.opens(plan, "month", currency)
        org.pays(opened)
        org.returns(opened)
    scenario.stripe.lose()
    scenario.later(days=1)
    org.uses(2001, meter=plan.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")
    assert ends_and_closes(scenario, org).errors == {}
    scenario.later(days=1)
    return org.uses(2001, meter=plan.meter, at=f"{scenario.clock.at:%Y-%m-%d %H:%M}")


@pytest.mark.parametrize("currency", SOLD)
@pytest.mark.slow
def test_every_place_speaks_the_organisations_currency(paid: Scenario, currency: str) -> None:
    sold, (plan, dearer) = SOLD[currency], plans(paid, currency)
    org = subscribed(paid, plan, currency)
    push(org, dearer)
    pages = {
        "/plans": (sold.price, sold.each),
        "/plans?currency=USD&interval=year": (sold.each,),
        f"/plans/{dearer.key}?currency=USD": (sold.each,),
        "/dashboard": (sold.usage, sold.renewal),
        "/usage": (),
        "/billing": (sold.fee, sold.renewal),
        "/billing/usage": (sold.usage, sold.each),
        "/billing/usage/late": (),
        "/billing/receipt": (sold.fee, sold.each, sold.usage),
        "/billing/statement": (sold.fee, sold.renewal),
        "/billing/cancel": (),
        "/usage/verify": (sold.usage,),
        f"/billing/upgrade/{dearer.key}?currency=USD": (sold.each,),
        f"/billing/upgrade/{plan.key}?interval=year": (),
    }
    for path, shown in pages.items():
        words = read(text_of(org.browser().get(path)))
        assert foreign(words, currency) == set(), path
        for amount in shown:
            assert amount in words, (path, amount, sorted(found[0] for found in ANY.finditer(words)))
    assert [row["amount"] for row in org.bills()][-1] == sold.csv
    for path in ("/billing/usage/usage-charges.csv", "/billing/statement.csv?from=2026-11-01&to=2026-12-31"):
        answer = org.browser().get(path)
        assert answer.status_code == 200, path
        assert currency in answer.text, path
        assert "USD" not in answer.text, path
    assert org.reads("/usage/current")["currency"] == currency
    assert (org.reads("/invoices")["invoices"][0]["total"], org.reads("/invoices")["invoices"][0]["currency"]) == (
        sold.minor, currency,
    )  # fmt: skip
    asked = {"plan": dearer.key, "currency": "USD", "interval": "month"}
    assert paid.client.post("/api/v1/subscription/preview", json=asked, headers=org.key).status_code == 400


@pytest.mark.slow
@pytest.mark.parametrize("currency", SOLD)
def test_mails_receipts_and_credit_notes_are_in_the_organisations_currency(paid: Scenario, currency: str) -> None:
    """A month's usage is billed and partly voided: the rest of it is refunded when the plan has ended."""
    sold, (plan, dearer) = SOLD[currency], plans(paid, currency)
    org = subscribed(paid, plan, currency)
    push(org, dearer)
    for [event] in org.rows("SELECT event_id FROM usage_events WHERE org_id = :org"):
        with transaction() as session:
            void_event(session, org.id, event, "a retry", actor=SYSTEM, now=org.now)
    path = f"/billing/upgrade/{dearer.key}"
    quote = re.search(r'name="quote" value="([^"]+)"', org.page(path))
    assert quote
    assert org.press(path, quote=quote[1]).status_code == 303
    paid.settle()
    [running] = paid.stripe.objects("subscription", customer=org.customer_id, status="active")
    paid.stripe.client().v1.subscriptions.update(running["id"], {"cancel_at_period_end": True})
    paid.settle()
    assert ends_and_closes(paid, org).errors == {}
    [note] = paid.stripe.objects("credit_note")
    assert (note["currency"], note["total"] % line_step(currency)) == (currency.lower(), 0)
    sent = mails(org)
    assert {"payment_received", "plan_changed", "cancel_planned"} <= {mail.template for mail in sent}
    for mail in sent:
        speaks(f"{mail.subject}\n{mail.body_text}\n{read(mail.body_html or '')}", currency, mail.template)
    assert any(sold.fee in mail.subject.replace("\u00a0", " ") for mail in sent)
    credit = money(note["total"], currency).replace("\u00a0", " ")
    for path, shown in (("/billing/statement?from=2026-11-01&to=2027-01-31", credit), ("/billing/usage", sold.usage)):
        words = read(text_of(org.browser().get(path)))
        assert foreign(words, currency) == set(), path
        assert shown in words, (path, shown)


@pytest.mark.parametrize("currency", SOLD)
@pytest.mark.slow
def test_a_change_charges_what_it_shows_in_amounts_that_can_be_charged(paid: Scenario, currency: str) -> None:
    """14.496 dinars cannot be charged: a line is rounded to ten fils, by Stripe's preview and our formula alike."""
    plan, dearer = plans(paid, currency)
    org = paid.org()
    with background_gateway():
        opened = org.opens(plan, "month", currency)
        org.pays(opened)
        org.returns(opened)
    push(org, dearer)
    paid.stripe.lose()
    paid.later(days=1, hours=1)
    path = f"/billing/upgrade/{dearer.key}"
    page = org.page(path)
    shown = re.search(r"Upgrade, (\S+(?: [\d.]+)?) today", page)
    quote = re.search(r'name="quote" value="([^"]+)"', page)
    assert shown
    assert quote
    assert org.press(path, quote=quote[1]).status_code == 303
    paid.settle()
    charge = paid.stripe.objects("charge", customer=org.customer_id)[0]
    assert charge["currency"] == currency.lower()
    assert shown[1] == money(charge["amount"], currency).replace("\u00a0", " ")
    assert charge["amount"] % line_step(currency) == 0
    assert shown[1] in org.page("/billing")
    [change] = org.rows("SELECT drifts, amount, currency FROM plan_changes WHERE org_id = :org")
    assert tuple(change) == (False, charge["amount"], currency)


def test_a_visitors_currency_is_kept_through_sign_up_into_checkout(paid: Scenario) -> None:
    visitor, email = paid.app.test_client(), f"{unique('euro')}@example.com"
    paid.plan_named("pro")
    page = text_of(visitor.get("/plans?currency=EUR&interval=year"))
    assert "/plans/pro?interval=year&currency=EUR" in page
    page = text_of(visitor.get("/plans/pro?interval=year&currency=EUR"))
    ways = [urlsplit(link) for link in re.findall(r'href="(/sign-(?:up|in)\?[^"]+)"', page)]
    assert [way.path for way in ways] == ["/sign-up", "/sign-in"]
    assert {parse_qs(way.query)["next"][0] for way in ways} == {"/plans/pro?interval=year&currency=EUR"}
    sign_up = ways[0].geturl()
    fields = {"name": "Eva Euro", "email": email, "password": PASSWORD, "next": parse_qs(ways[0].query)["next"][0]}
    assert send(visitor, sign_up, page=sign_up, **fields).location == "/sign-up/sent"
    paid.session.rollback()
    mail = paid.session.scalars(select(Mail).where(Mail.to_address == email)).one()
    link = urlsplit(re.findall(r"\S+/verify/\S+", mail.body_text or "")[0]).path
    back = send(visitor, link, page=link).location
    page = text_of(visitor.get(back))
    assert "€460.00 a year" in page
    buy = re.findall(r'href="(/billing/upgrade/pro[^"]+)"', page)[0]
    page = text_of(visitor.get(buy))
    assert "€460.00" in page
    fields = dict(re.findall(r'name="(interval|currency|version)" value="([^"]*)"', page))
    assert (fields["currency"], fields["interval"]) == ("EUR", "year")
    assert send(visitor, buy, page=buy, **fields).status_code == 303
    assert [(each["currency"], each["amount_total"]) for each in paid.stripe.objects("checkout.session")] == [
        ("eur", 46_000)
    ]
