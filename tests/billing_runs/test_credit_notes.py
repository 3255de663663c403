"""Credit notes (rule 2.7): a final invoice never changes; what it billed too much is taken off the next, or credited.

The next invoice is that of the close that finds the difference. A yearly subscriber's month has an invoice of its own,
a monthly one's usage is on the renewal.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.billing_runs.credit import issue_note
from app.invoices.credit_notes import open_note
from app.invoices.models import CreditNote
from app.invoices.offline.models import IssuedInvoice
from app.invoices.offline.queries import lock_issued
from app.invoices.offline.settle import apply_payment
from app.invoices.queries import get_invoice
from app.kit.actor import SYSTEM
from app.metering.corrections.void import void_event
from app.web.database import transaction
from tests.billing_runs.test_close import ends_and_closes, invoices, lines, manual, on_pro, renewals, run, to_the_end
from tests.billing_runs.test_racing_runs import side_by_side
from tests.scenario import Scenario
from tests.scenario.buying import DECLINES
from tests.scenario.org import Org


def use(org: Org, count: int, at: datetime, event: str = "") -> None:
    org.uses(count, meter=org.plan.meter, at=f"{at:%Y-%m-%d %H:%M}", event=event)


def void(org: Org, *events: str) -> None:
    for event in events:
        with transaction() as session:
            void_event(session, org.id, event, "a retry", actor=SYSTEM, now=org.now)


def billed(scenario: Scenario, *, extra: int = 300, interval: str = "year", card: str = "") -> Org:
    """An org whose first month came to $100.00, of which the event "extra" is a part."""
    org = on_pro(scenario, 60_000 - extra, interval)
    use(org, extra, scenario.clock.at, "extra")
    if card:
        customer, subscription = org.customer_id, scenario.stripe.objects("subscription")[0]["id"]
        v1 = scenario.stripe.client().v1
        method = v1.payment_methods.attach(card, {"customer": customer}).id
        v1.subscriptions.update(subscription, {"default_payment_method": method})
        v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method}})
    if interval == "month":
        ends_and_closes(scenario, org)
    else:
        next_month(scenario, org)
    return org


def next_month(scenario: Scenario, org: Org) -> None:
    """A month of a yearly subscriber ends and is closed; Stripe collects, and we hear of it."""
    org.with_period()
    scenario.later(days=32)
    report = run(scenario, org)
    assert (report.errors, report.credit_errors) == ({}, {})
    scenario.settle()


def leaves(scenario: Scenario, org: Org) -> None:
    """It cancels, its last period ends, and what it used is billed."""
    [running] = scenario.stripe.objects("subscription", customer=org.customer_id)
    scenario.stripe.client().v1.subscriptions.update(running["id"], {"cancel_at_period_end": True})
    scenario.settle()
    to_the_end(scenario)
    scenario.later(hours=2)
    assert run(scenario, org).errors == {}
    scenario.settle()


def notes(scenario: Scenario) -> list[dict[str, Any]]:
    return scenario.stripe.objects("credit_note")


def ours(scenario: Scenario, org: Org) -> list[CreditNote]:
    scenario.session.rollback()
    return list(scenario.session.query(CreditNote).filter_by(org_id=org.id).order_by(CreditNote.opened_at))


def balanced(scenario: Scenario, org: Org, amount: int) -> None:
    """The lines of the first month add up to what it comes to without what was voided."""
    found = lines(scenario, org)
    assert sum(each.amount for each in found if each.period_start == found[0].period_start) == amount


@pytest.mark.slow
def test_what_the_next_invoice_does_not_cover_is_refunded_by_a_credit_note_on_the_original(scenario: Scenario) -> None:
    org = billed(scenario)
    [original] = manual(scenario, org)
    void(org, "extra")
    next_month(scenario, org)
    [note] = notes(scenario)
    assert (note["invoice"], note["total"], note["post_payment_amount"]) == (original["id"], 300, 300)
    assert [each["amount_refunded"] for each in note["refunds"]] == [300]
    assert [each["amount"] for each in note["lines"]["data"]] == [300]
    [own] = ours(scenario, org)
    assert (own.state, own.amount, own.number, own.stripe_credit_note_id) == ("issued", 300, note["number"], note["id"])
    assert (own.due_amount, own.refund_amount, own.balance_amount) == (0, 300, 0)
    assert note["metadata"] == {"tollkeeper_credit_note": str(own.id)}
    [record] = [each for each in org.records if each.reason == "usage"]
    assert (record.state, record.amount, record.refunded) == ("completed", 10_000, 300)
    assert len(manual(scenario, org)) == 1
    balanced(scenario, org, 9_700)
    [line] = [each for each in lines(scenario, org) if each.credit_note_id]
    assert (line.quantity, line.amount, line.invoice_id) == (-300, -300, None)


@pytest.mark.slow
def test_the_next_invoice_takes_what_its_other_lines_come_to(scenario: Scenario) -> None:
    """$2.00 of new usage cover $2.00 of $3.00; the invoice of nothing is not issued, and its lines wait."""
    org = billed(scenario)
    use(org, 50_200, scenario.clock.at)
    void(org, "extra")
    next_month(scenario, org)
    assert [(each.amount, each.quantity) for each in lines(scenario, org) if each.kind == "late"] == [
        (-200, -200),
        (-100, -100),
    ]
    assert [each["total"] for each in notes(scenario)] == [100]
    assert len(manual(scenario, org)) == 1
    use(org, 51_000, scenario.clock.at)
    next_month(scenario, org)
    assert sorted(each["total"] for each in manual(scenario, org)) == [1_000, 10_000]
    balanced(scenario, org, 9_700)


@pytest.mark.parametrize(("extra", "renewal", "credited"), [(300, 700, []), (1_500, 0, [500])])
@pytest.mark.slow
def test_a_renewals_fee_covers_a_difference(scenario: Scenario, extra: int, renewal: int, credited: list[int]) -> None:
    """The next invoice is the renewal: $10.00, less what was billed too much. The fee itself is never credited."""
    org = billed(scenario, extra=extra, interval="month")
    void(org, "extra")
    ends_and_closes(scenario, org)
    last, original = renewals(scenario, org)
    assert (last["total"], last["status"]) == (renewal, "paid")
    assert [each["total"] for each in notes(scenario)] == credited
    usage = {line["id"] for line in original["lines"]["data"] if line["amount"] == 10_000}
    assert {line["invoice_line_item"] for note in notes(scenario) for line in note["lines"]["data"]} <= usage
    balanced(scenario, org, 10_000 - extra)


@pytest.mark.slow
def test_a_coupon_on_the_fee_leaves_less_room_for_a_difference(scenario: Scenario) -> None:
    """40 % off the fee: of $7.00, the renewal takes $6.00."""
    org = billed(scenario, extra=700, interval="month")
    v1 = scenario.stripe.client().v1
    coupon = v1.coupons.create({"percent_off": 40, "duration": "forever"})
    [running] = scenario.stripe.objects("subscription", customer=org.customer_id)
    v1.subscriptions.update(running["id"], {"discounts": [{"coupon": coupon.id}]})
    void(org, "extra")
    ends_and_closes(scenario, org)
    assert renewals(scenario, org)[0]["total"] == 0
    assert [each["total"] for each in notes(scenario)] == [100]


@pytest.mark.slow
def test_on_an_open_invoice_a_credit_note_lowers_what_is_due(scenario: Scenario) -> None:
    org = billed(scenario, card=DECLINES)
    [original] = manual(scenario, org)
    assert (original["status"], original["amount_remaining"]) == ("open", 10_000)
    void(org, "extra")
    next_month(scenario, org)
    [note] = notes(scenario)
    assert (note["pre_payment_amount"], note["refunds"]) == (300, [])
    assert manual(scenario, org)[-1]["amount_remaining"] == 9_700
    assert [(each.due_amount, each.refund_amount) for each in ours(scenario, org)] == [(300, 0)]
    [record] = [each for each in org.records if each.reason == "usage"]
    assert (record.state, record.amount) == ("failed", 9_700)


@pytest.mark.slow
def test_what_no_payment_brought_goes_to_the_balance(scenario: Scenario) -> None:
    """$98.00 of the invoice were paid out of the balance, $2.00 by card: of $3.00, $2.00 go back to the card."""
    org = on_pro(scenario, 59_700, "year")
    use(org, 300, scenario.clock.at, "extra")
    v1 = scenario.stripe.client().v1
    v1.customers.balance_transactions.create(org.customer_id, {"amount": -9_800, "currency": "usd"})
    next_month(scenario, org)
    assert [each["amount_paid"] for each in manual(scenario, org)] == [200]
    void(org, "extra")
    next_month(scenario, org)
    [own] = ours(scenario, org)
    assert (own.state, own.refund_amount, own.balance_amount) == ("issued", 200, 100)
    assert scenario.stripe.objects("customer", id=org.customer_id)[0]["balance"] == -100


@pytest.mark.slow
def test_of_an_org_that_left_all_is_credited_on_the_original(scenario: Scenario) -> None:
    org = on_pro(scenario, 59_700)
    use(org, 300, scenario.clock.at, "extra")
    leaves(scenario, org)
    void(org, "extra")
    scenario.later(days=45)
    run(scenario, org)
    scenario.settle()
    assert [(each["status"], each["total"]) for each in manual(scenario, org)] == [("paid", 10_000)]
    assert [(each["total"], len(each["refunds"])) for each in notes(scenario)] == [(300, 1)]


@pytest.mark.parametrize("kind", ["429", "500", "503", "reset", "reset_before"])
@pytest.mark.slow
def test_whatever_stripe_answers_one_credit_note_is_issued(scenario: Scenario, kind: str) -> None:
    org = billed(scenario)
    void(org, "extra")
    scenario.later(days=32)
    scenario.stripe.fail(kind, times=3, path="/v1/credit_notes", method="POST")
    for _ in range(4):
        run(scenario, org)
        scenario.later(minutes=3)
    scenario.settle()
    assert [each["total"] for each in notes(scenario)] == [300]
    assert [(each.state, each.error) for each in ours(scenario, org)] == [("issued", None)]


@pytest.mark.slow
def test_a_note_that_was_voided_before_we_heard_of_it_frees_its_lines(scenario: Scenario) -> None:
    """Its answer is lost, somebody voids it in the dashboard, and only then do we look for it."""
    org = billed(scenario, card=DECLINES)
    void(org, "extra")
    scenario.later(days=32)
    scenario.stripe.fail("reset", times=3, path="/v1/credit_notes", method="POST")
    run(scenario, org)
    [note] = notes(scenario)
    scenario.stripe.client().v1.credit_notes.void_credit_note(note["id"])
    assert [each.state for each in ours(scenario, org)] == ["pending"]
    run(scenario, org)
    assert [each.state for each in ours(scenario, org)] == ["dropped"]
    [line] = [each for each in lines(scenario, org) if each.quantity == -300]
    assert (line.credit_note_id, line.invoice_id) == (None, None)
    scenario.settle()
    assert [each.state for each in ours(scenario, org)] == ["dropped"]


@pytest.mark.slow
def test_notes_of_a_line_add_up_to_it_and_never_to_more(scenario: Scenario) -> None:
    """Everything above the allowance is voided in three steps, a month between them: $100.00 in all."""
    org = on_pro(scenario, 49_000, "year")
    at = scenario.clock.at
    for event, count in (("a", 4_000), ("b", 3_333), ("c", 3_667)):
        use(org, count, at, event)
    next_month(scenario, org)
    for event in ("a", "b", "c"):
        void(org, event)
        next_month(scenario, org)
    assert [each["total"] for each in reversed(notes(scenario))] == [4_000, 3_333, 2_667]
    assert [each.refunded for each in org.records if each.reason == "usage"] == [10_000]
    balanced(scenario, org, 0)
    next_month(scenario, org)
    assert len(notes(scenario)) == 3


@pytest.mark.slow
def test_a_second_run_credits_nothing_again(scenario: Scenario) -> None:
    org = billed(scenario)
    void(org, "extra")
    next_month(scenario, org)
    again = run(scenario, org)
    assert (again.rated, again.billed, again.credited) == ([], [], [])
    assert len(notes(scenario)) == 1


@pytest.mark.slow
def test_what_a_note_credited_that_was_voided_at_stripe_is_on_the_next_invoice(scenario: Scenario) -> None:
    """$3.00 were taken off an open invoice; somebody voids that note in the dashboard, and all is due of it again."""
    org = billed(scenario, card=DECLINES)
    void(org, "extra")
    next_month(scenario, org)
    [note] = notes(scenario)
    scenario.stripe.client().v1.credit_notes.void_credit_note(note["id"])
    scenario.settle()
    assert manual(scenario, org)[0]["amount_remaining"] == 10_000
    assert [each.state for each in ours(scenario, org)] == ["dropped"]
    [line] = [each for each in lines(scenario, org) if each.quantity == -300]
    assert (line.amount, line.credit_note_id, line.credits_line_id, line.invoice_id) == (-300, None, None, None)
    use(org, 51_000, scenario.clock.at)
    next_month(scenario, org)
    assert [each["total"] for each in manual(scenario, org)[-2:]].count(700) == 1
    balanced(scenario, org, 9_700)


@pytest.mark.slow
def test_a_note_on_an_invoice_that_was_voided_is_dropped(scenario: Scenario) -> None:
    org = billed(scenario, card=DECLINES)
    scenario.stripe.client().v1.invoices.void_invoice(manual(scenario, org)[0]["id"])
    scenario.settle()
    void(org, "extra")
    next_month(scenario, org)
    assert [each.state for each in ours(scenario, org)] == ["dropped"]
    assert notes(scenario) == []


def test_a_difference_of_what_still_waits_for_an_invoice_waits_with_it(scenario: Scenario) -> None:
    """30 cents are no invoice of their own; voided, they come to nothing, and there is nothing to credit."""
    org = on_pro(scenario, 50_000, "year")
    use(org, 30, scenario.clock.at, "extra")
    next_month(scenario, org)
    void(org, "extra")
    next_month(scenario, org)
    assert (invoices(scenario, org), notes(scenario)) == ([], [])
    balanced(scenario, org, 0)


@pytest.mark.slow
def test_late_usage_and_a_void_of_one_period_are_one_difference(scenario: Scenario) -> None:
    org = billed(scenario)
    void(org, "extra")
    use(org, 500, scenario.clock.at - timedelta(days=30))
    next_month(scenario, org)
    assert [each.amount for each in lines(scenario, org) if each.kind == "late"] == [200]
    assert notes(scenario) == []


@pytest.mark.slow
def test_page_history_files_and_api_show_a_credit_note(scenario: Scenario) -> None:
    org = billed(scenario)
    void(org, "extra")
    next_month(scenario, org)
    [note], [own] = notes(scenario), ours(scenario, org)
    page = org.page("/billing/usage")
    assert f"Credit note {note['number']}" in page
    assert "Of this credit note, $3.00 was refunded." in page
    assert "$97.00" in page  # what the period comes to now
    history = org.page("/billing")
    assert f"Credit note {note['number']}" in history
    assert "$3.00 refunded" in history
    for path in ("/billing/usage/usage-charges.csv", "/billing/history.csv"):
        assert note["number"] in org.page(path)
    invoice = scenario.client.get("/api/v1/invoices", headers=org.api("billing:read")).get_json()["invoices"][0]
    assert invoice["usage_amount"] == 10_000
    [told] = invoice["credit_notes"]
    facts = ("id", "number", "state", "amount", "due_amount", "refund_amount", "balance_amount")
    assert [told[name] for name in facts] == [str(own.id), note["number"], "issued", 300, 0, 300, 0]
    [line] = told["lines"]
    assert (line["credits_line"], line["quantity"], line["amount"]) == (invoice["lines"][0]["id"], "-300", 300)
    path = f"/api/v1/invoices/{invoice['id']}/lines/{line['id']}/explanation"
    assert scenario.client.get(path, headers=org.api("billing:read")).get_json()["line"]["amount"] == -300
    only = org.page(f"/billing/usage?invoice={invoice['id']}")
    assert f"Credit note {note['number']}" in only
    answer = scenario.client.get("/api/v1/billing/history", headers=org.api("billing:read")).get_json()
    assert [each["credit_notes"] for each in answer["records"] if each["reason"] == "usage"] == [[note["number"]]]


def invoiced(scenario: Scenario) -> Org:
    """An org without Stripe, whose November came to $100.00 on an invoice of ours; "extra" is $3.00 of it."""
    scenario.at("2026-11-21 12:00")
    plan = scenario.plan(policy="charge", allowance=50_000)
    org = scenario.org().on(plan)
    org.plan = plan
    use(org, 59_700, scenario.clock.at)
    use(org, 300, scenario.clock.at, "extra")
    scenario.at("2026-12-01 02:00")
    assert run(scenario, org).errors == {}
    org.with_period()
    return org


def own_invoice(scenario: Scenario, org: Org) -> IssuedInvoice:
    """That of the usage of November."""
    scenario.session.rollback()
    found = scenario.session.scalars(select(IssuedInvoice).where(IssuedInvoice.org_id == org.id))
    return next(each for each in found if any(line["kind"] == "usage" for line in each.lines))


def test_a_note_on_an_invoice_of_ours_takes_its_amount_off_what_is_due(scenario: Scenario) -> None:
    org = invoiced(scenario)
    due = own_invoice(scenario, org).remaining
    void(org, "extra")
    scenario.at("2027-01-01 02:00")
    assert run(scenario, org).credit_errors == {}
    [note] = ours(scenario, org)
    assert (note.state, note.amount, note.due_amount, note.refund_amount) == ("issued", 300, 300, 0)
    assert str(note.number).startswith("CN-2027-")
    after = own_invoice(scenario, org)
    assert (after.credited, after.remaining, after.state) == (300, due - 300, "open")
    assert f"Credit note {note.number}" in org.page("/billing/usage")
    assert run(scenario, org).credited == []


def test_what_was_paid_of_an_invoice_of_ours_waits_for_the_next(scenario: Scenario) -> None:
    """Also if it is paid between the close and the note."""
    org = invoiced(scenario)
    invoice = own_invoice(scenario, org)
    void(org, "extra")
    scenario.at("2027-01-01 02:00")
    with transaction() as session:
        note_id = open_note(session, get_invoice(session, org.id, invoice.invoice_id), 300, org.now)
        apply_payment(session, lock_issued(session, invoice.invoice_id), invoice.remaining, org.now)
    assert issue_note(None, org.id, note_id, org.now)
    assert [note.state for note in ours(scenario, org)] == ["dropped"]
    assert run(scenario, org).credit_errors == {}
    assert [(each.amount, each.credit_note_id) for each in lines(scenario, org) if each.kind == "late"] == [
        (-300, None)
    ]
    assert own_invoice(scenario, org).credited == 0


def test_of_two_runs_at_once_one_issues_the_note_on_an_invoice_of_ours(scenario: Scenario) -> None:
    org = invoiced(scenario)
    invoice_id = own_invoice(scenario, org).invoice_id
    with transaction() as session:
        note_id = open_note(session, get_invoice(session, org.id, invoice_id), 300, org.now)
    both = side_by_side(scenario, [lambda: issue_note(None, org.id, note_id, org.now)] * 4)
    assert sorted(both) == [False, False, False, True]
    assert own_invoice(scenario, org).credited == 300
