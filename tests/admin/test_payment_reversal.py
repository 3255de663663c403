"""A payment that staff recorded by mistake is reversed: the record stays, and the invoice is owed again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app.audit.models import AuditEntry
from app.invoices.offline import settle
from app.invoices.offline.reminders import list_due, send_due_email
from app.kit.actor import SYSTEM
from app.kit.errors import Conflict, NotFound
from app.kit.ids import new_id
from app.payments.models import BillingRecord
from app.payments.offline.record import Payment, record_payment
from app.payments.offline.reverse import reverse_payment
from app.web.database import transaction
from tests.admin.test_our_invoices import LIST, invoice, payment, row
from tests.admin.test_pages import press, read
from tests.billing_runs.test_racing_runs import side_by_side
from tests.factories import utc
from tests.scenario import Scenario

WHY = "Another customer's transfer"


def pay(scenario: Scenario, invoice_id: UUID, amount: int = 10_000) -> UUID:
    chosen = Payment(new_id(), utc("2026-11-20 12:00").date(), amount, "DE12")
    with transaction() as session:
        record_payment(session, invoice_id, chosen, actor=SYSTEM, now=scenario.clock.at)
    return chosen.id


def reverse(scenario: Scenario, invoice_id: UUID, payment_id: UUID) -> bool:
    with transaction() as session:
        return reverse_payment(session, invoice_id, payment_id, WHY, actor=SYSTEM, now=scenario.clock.at)


def state(scenario: Scenario, invoice_id: UUID) -> tuple[str, int, int]:
    found = row(scenario, invoice_id)
    return found.state, found.paid, found.due


def sends_mail(scenario: Scenario) -> None:
    with transaction() as session:
        for invoice_id in list_due(session, scenario.clock.at, 100):
            send_due_email(session, invoice_id, scenario.clock.at)


def test_a_reversed_payment_stays_in_the_books_and_the_invoice_is_owed_again(scenario: Scenario) -> None:
    org = scenario.org()
    invoice_id = invoice(org).id
    kept, wrong = pay(scenario, invoice_id, 2_500), pay(scenario, invoice_id, 7_500)
    assert state(scenario, invoice_id) == ("paid", 10_000, 0)
    assert reverse(scenario, invoice_id, wrong)
    assert state(scenario, invoice_id) == ("open", 2_500, 7_500)
    found = {each.id: each for each in org.records}
    assert {each: found[each].state for each in (kept, wrong)} == {kept: "completed", wrong: "reversed"}
    assert (found[wrong].amount, found[wrong].reference, found[wrong].reversed_for) == (7_500, "DE12", WHY)
    assert found[wrong].reversed_at == scenario.clock.at
    query = select(AuditEntry).where(AuditEntry.org_id == org.id, AuditEntry.action == "payment.reversed")
    [entry] = scenario.session.scalars(query)
    assert entry.after == {
        "invoice": row(scenario, invoice_id).number, "amount": 7_500, "currency": "USD", "reason": WHY,
        "state": "open", "remaining": 7_500,
    }  # fmt: skip


def test_a_payment_is_reversed_once_and_recorded_again_under_another_id(scenario: Scenario) -> None:
    org = scenario.org()
    invoice_id = invoice(org).id
    wrong = pay(scenario, invoice_id, 2_500)
    assert reverse(scenario, invoice_id, wrong)
    assert not reverse(scenario, invoice_id, wrong)
    with pytest.raises(IntegrityError, match="only moves forward"), transaction() as session:
        session.execute(update(BillingRecord).where(BillingRecord.id == wrong).values(reversed_for="x"))
    again = Payment(wrong, utc("2026-11-20 12:00").date(), 2_500, "DE12")
    with transaction() as session:
        assert record_payment(session, invoice_id, again, actor=SYSTEM, now=org.now)[1] is False
    assert state(scenario, invoice_id) == ("open", 0, 10_000)
    pay(scenario, invoice_id)
    assert state(scenario, invoice_id) == ("paid", 10_000, 0)


def test_what_is_no_payment_of_the_invoice_is_not_reversed(scenario: Scenario) -> None:
    mine, other = invoice(scenario.org()).id, invoice(scenario.org()).id
    paid = pay(scenario, other)
    for asked in (paid, new_id()):
        with pytest.raises(NotFound):
            reverse(scenario, mine, asked)
    assert state(scenario, other) == ("paid", 10_000, 0)


def test_reminders_go_on_and_members_are_told(scenario: Scenario) -> None:
    """Due on 5 December: the invoice is sent, paid on the 6th by mistake, and owed again on the 8th."""
    org = scenario.org()
    invoice_id = invoice(org).id
    scenario.at("2026-11-21 13:00")
    sends_mail(scenario)
    scenario.at("2026-12-06 10:00")
    wrong = pay(scenario, invoice_id)
    scenario.at("2026-12-08 08:00")
    sends_mail(scenario)
    assert reverse(scenario, invoice_id, wrong)
    assert org.letters == ["invoice_issued", "invoice_payment", "invoice_payment_reversed"]
    sends_mail(scenario)
    assert org.letters[3:] == ["invoice_overdue"]
    scenario.at("2026-12-12 10:00")
    sends_mail(scenario)
    assert org.letters[3:] == ["invoice_overdue", "invoice_overdue"]
    pay(scenario, invoice_id)
    scenario.at("2026-12-30 10:00")
    sends_mail(scenario)
    assert org.letters[5:] == ["invoice_payment"]


def test_an_invoice_that_was_paid_before_it_was_sent_is_sent_once_it_is_owed_again(scenario: Scenario) -> None:
    org = scenario.org()
    invoice_id = invoice(org).id
    wrong = pay(scenario, invoice_id)
    assert reverse(scenario, invoice_id, wrong)
    sends_mail(scenario)
    assert "invoice_issued" in org.letters


def test_an_invoice_that_was_written_off_is_written_off_again(scenario: Scenario) -> None:
    invoice_id = invoice(scenario.org()).id
    with transaction() as session:
        settle.write_off(session, invoice_id, "Insolvent", actor=SYSTEM, now=scenario.clock.at)
    wrong = pay(scenario, invoice_id)
    assert state(scenario, invoice_id)[0] == "paid"
    assert reverse(scenario, invoice_id, wrong)
    assert state(scenario, invoice_id) == ("written_off", 0, 0)
    assert row(scenario, invoice_id).next_mail_at is None


def test_reversals_that_race_take_back_one_payment(scenario: Scenario) -> None:
    invoice_id = invoice(scenario.org()).id
    wrong = pay(scenario, invoice_id, 4_000)

    def again() -> bool:
        return reverse(scenario, invoice_id, wrong)

    def more() -> bool:
        pay(scenario, invoice_id, 6_000)
        return False

    assert sorted(side_by_side(scenario, [again, again, more, again])) == [False, False, False, True]
    assert state(scenario, invoice_id) == ("open", 6_000, 4_000)


def test_staff_reverse_a_payment_on_the_invoices_page(scenario: Scenario) -> None:
    org, staff = scenario.org(), scenario.staff()
    invoice_id = invoice(org).id
    path = f"{LIST}/{invoice_id}"
    assert "Reverse payment" not in read(staff, path)
    payment(staff, path)
    [record] = org.records
    sent = {"reversed_payment": str(record.id), "reversal_reason": WHY}
    assert press(staff, path, f"{path}/reversals", **(sent | {"reversal_reason": ""}))[0] == 422
    assert press(staff, path, f"{path}/reversals", **(sent | {"reversed_payment": str(new_id())}))[0] == 422
    assert press(staff, path, f"{path}/reversals", **sent)[0] == 303
    page = read(staff, path)
    assert "The payment is reversed." in page
    assert "Reversed: recorded by mistake" in page
    assert "Reverse payment" not in page
    assert state(scenario, invoice_id) == ("open", 0, 10_000)
    mine = read(org.browser(), "/billing")
    assert "Reversed" in mine
    assert WHY not in mine
    assert press(org.browser(), "/settings", f"{path}/reversals", **sent)[0] == 404


def ask(scenario: Scenario, invoice_id: UUID, payment_id: UUID, *scopes: str, **body: Any) -> Any:
    address = f"/api/v1/admin/invoices/{invoice_id}/payments/{payment_id}/reverse"
    return scenario.client.post(
        address, json=body or {"reason": WHY}, headers=scenario.api(*scopes or ("admin:write",))
    )


def test_the_api_reverses_a_payment(scenario: Scenario) -> None:
    org = scenario.org()
    invoice_id = invoice(org).id
    wrong = pay(scenario, invoice_id)
    assert ask(scenario, invoice_id, wrong, "admin:read").status_code == 403
    assert ask(scenario, invoice_id, new_id()).status_code == 404
    assert ask(scenario, invoice_id, wrong, reason="").status_code == 400
    for new in (True, False):
        answer = ask(scenario, invoice_id, wrong).json
        assert (answer["reversed"], answer["invoice"]["state"], answer["invoice"]["amount_due"]) == (
            new,
            "open",
            10_000,
        )
    history = scenario.client.get("/api/v1/billing/history?state=reversed", headers=org.api("billing:read")).json
    assert [(each["id"], each["state"]) for each in history["records"]] == [(str(wrong), "reversed")]


def test_a_reversed_payment_counts_in_no_sum(scenario: Scenario) -> None:
    org = scenario.org()
    invoice_id = invoice(org).id
    pay(scenario, invoice_id, 2_500)
    reverse(scenario, invoice_id, pay(scenario, invoice_id, 4_000))
    page = read(org.browser(), "/billing")
    assert "$25.00 paid" in page or "$25.00" in page
    assert "$65.00" not in page


def test_an_invoice_is_voided_once_its_only_payment_is_reversed(scenario: Scenario) -> None:
    invoice_id = invoice(scenario.org()).id
    wrong = pay(scenario, invoice_id, 1_000)

    def void() -> bool:
        with transaction() as session:
            return settle.void_invoice(session, invoice_id, "Wrong", actor=SYSTEM, now=scenario.clock.at)

    with pytest.raises(Conflict):
        void()
    reverse(scenario, invoice_id, wrong)
    assert void()
    with pytest.raises(Conflict):
        pay(scenario, invoice_id)
    assert not reverse(scenario, invoice_id, wrong)
