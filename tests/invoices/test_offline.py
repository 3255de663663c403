"""What becomes of an invoice of ours (rule 2.7): paid, void, written off; reminders on days 1, 7 and 14."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.invoices import tasks
from app.invoices.models import InvoiceLine
from app.invoices.offline import reminders
from app.invoices.offline.keep import get_pdf, list_unkept
from app.invoices.offline.layout import build_document
from app.invoices.offline.models import IssuedDocument, IssuedInvoice
from app.invoices.offline.queries import get_issued, sum_owed
from app.invoices.offline.settle import void_invoice, write_off
from app.kit.actor import SYSTEM
from app.kit.errors import Conflict, InvalidRequest
from app.kit.ids import new_id
from app.payments.offline.record import Payment, record_payment
from app.web.database import transaction
from tests.factories import utc
from tests.portal.invoices.books import Used, bills, closes, month
from tests.scenario import Org, Scenario
from tests.support.roles import BY_HAND
from tests.today import WRITTEN

TODAY = date(2026, 11, 21)


@pytest.fixture(autouse=True)
def _begin(scenario: Scenario) -> None:
    scenario.at(WRITTEN)


def invoice(org: Org) -> UUID:
    """An open invoice over 100.00 USD, due on 5 December."""
    return bills(org, closes(org, month(10), Used("60000")), kind="offline", status=None).id


def now_is(scenario: Scenario, invoice_id: UUID) -> IssuedInvoice:
    scenario.session.rollback()
    return get_issued(scenario.session, invoice_id)


def pays(scenario: Scenario, invoice_id: UUID, amount: int, day: date = TODAY, key: UUID | None = None) -> bool:
    scenario.session.rollback()
    payment = Payment(key or new_id(), day, amount, "Transfer 4711")
    with transaction() as session:
        return record_payment(session, invoice_id, payment, actor=SYSTEM, now=scenario.clock.at)[1]


def settles(scenario: Scenario, act: Any, invoice_id: UUID) -> bool:
    scenario.session.rollback()
    with transaction() as session:
        return bool(act(session, invoice_id, "Wrong address", actor=SYSTEM, now=scenario.clock.at))


def test_payments_in_part_add_up_and_each_is_a_billing_record(scenario: Scenario) -> None:
    org = scenario.org()
    invoice_id = invoice(org)
    assert pays(scenario, invoice_id, 2_500, date(2026, 11, 20))
    found = now_is(scenario, invoice_id)
    assert (found.state, found.paid, found.remaining, found.due) == ("open", 2_500, 7_500, 7_500)
    assert pays(scenario, invoice_id, 7_500)
    found = now_is(scenario, invoice_id)
    assert (found.state, found.paid, found.remaining, found.next_mail_at) == ("paid", 10_000, 0, None)
    assert [(row.state, row.reason, row.amount, row.reference, row.settled_at) for row in org.records] == [
        ("completed", "offline_invoice", 2_500, "Transfer 4711", utc("2026-11-20")),
        ("completed", "offline_invoice", 7_500, "Transfer 4711", utc("2026-11-21")),
    ]
    assert org.letters == ["invoice_payment", "invoice_payment"]
    entries = org.rows(
        "SELECT after FROM audit_entries WHERE org_id = :org AND action = 'payment.recorded' ORDER BY id"
    )
    assert [entry.after["remaining"] for entry in entries] == [7_500, 0]


def test_a_payment_sent_twice_is_recorded_once(scenario: Scenario) -> None:
    org, key = scenario.org(), new_id()
    invoice_id, other = invoice(org), invoice(scenario.org())
    assert pays(scenario, invoice_id, 2_500, key=key)
    assert not pays(scenario, invoice_id, 2_500, key=key)
    assert not pays(scenario, invoice_id, 10_000, key=key)
    with pytest.raises(Conflict):
        pays(scenario, other, 2_500, key=key)
    assert (now_is(scenario, invoice_id).paid, len(org.records)) == (2_500, 1)


@pytest.mark.parametrize("amount", [0, -1, 10_001])
def test_more_than_is_left_is_refused(scenario: Scenario, amount: int) -> None:
    invoice_id = invoice(scenario.org())
    with pytest.raises(InvalidRequest, match="recorded"):
        pays(scenario, invoice_id, amount)
    assert now_is(scenario, invoice_id).paid == 0


@pytest.mark.parametrize("day", [date(2026, 11, 22), date(2025, 11, 1)])
def test_a_day_that_cannot_be_is_refused(scenario: Scenario, day: date) -> None:
    invoice_id = invoice(scenario.org())
    with pytest.raises(InvalidRequest):
        pays(scenario, invoice_id, 100, day)


def test_payments_that_race_never_pay_more_than_is_left(scenario: Scenario) -> None:
    org = scenario.org()
    invoice_id, key = invoice(org), new_id()
    scenario.session.rollback()

    def one(number: int) -> bool:
        with scenario.app.app_context():
            payment = Payment(key if number % 2 else new_id(), TODAY, 3_000, "x")
            try:
                with transaction() as session:
                    return record_payment(session, invoice_id, payment, actor=SYSTEM, now=scenario.clock.at)[1]
            except (Conflict, InvalidRequest):
                return False

    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(one, range(8)))
    assert (sum(done), now_is(scenario, invoice_id).paid, len(org.records)) == (3, 9_000, 3)


def test_a_void_invoice_keeps_its_number_and_its_lines_wait_again(scenario: Scenario) -> None:
    org = scenario.org()
    invoice_id = invoice(org)
    before = now_is(scenario, invoice_id)
    number, lines = before.number, before.lines
    assert settles(scenario, void_invoice, invoice_id)
    assert not settles(scenario, void_invoice, invoice_id)
    found = now_is(scenario, invoice_id)
    assert (found.state, found.number, found.lines, found.due, found.reason) == (
        "void", number, lines, 0, "Wrong address",
    )  # fmt: skip
    [line] = scenario.session.scalars(select(InvoiceLine).where(InvoiceLine.org_id == org.id))
    assert line.invoice_id is None
    with pytest.raises(Conflict):
        pays(scenario, invoice_id, 100)
    with pytest.raises(Conflict):
        settles(scenario, write_off, invoice_id)
    assert org.letters == []  # nobody had heard of it


def test_an_invoice_that_is_partly_paid_cannot_be_voided(scenario: Scenario) -> None:
    invoice_id = invoice(scenario.org())
    pays(scenario, invoice_id, 100)
    with pytest.raises(Conflict, match="partly paid"):
        settles(scenario, void_invoice, invoice_id)
    pays(scenario, invoice_id, 9_900)
    for act in (void_invoice, write_off):
        with pytest.raises(Conflict, match="is paid"):
            settles(scenario, act, invoice_id)


def test_what_is_written_off_is_owed_no_more_and_can_still_be_paid(scenario: Scenario) -> None:
    org = scenario.org()
    invoice_id = invoice(org)
    pays(scenario, invoice_id, 100)
    assert settles(scenario, write_off, invoice_id)
    assert not settles(scenario, write_off, invoice_id)
    found = now_is(scenario, invoice_id)
    assert (found.state, found.due, found.remaining, found.next_mail_at) == ("written_off", 0, 9_900, None)
    assert sum_owed(scenario.session, scenario.clock.at, org.id) == []
    pays(scenario, invoice_id, 9_900)
    assert now_is(scenario, invoice_id).state == "paid"


@pytest.mark.parametrize(
    "change",
    [
        "number = 'X-1'",
        "total = 1",
        "due_on = due_on + 1",
        "lines = '[]'",
        "buyer = '{}'",
        "credited = -1",
        "org_id = NULL",
    ],
)
def test_a_final_invoice_never_changes(scenario: Scenario, change: str) -> None:
    invoice_id = invoice(scenario.org())
    pays(scenario, invoice_id, 100)
    scenario.session.rollback()
    scenario.session.execute(BY_HAND)
    with pytest.raises(IntegrityError, match="is final"), scenario.session.begin_nested():
        scenario.session.connection().exec_driver_sql(
            f"UPDATE issued_invoices SET {change} WHERE invoice_id = '{invoice_id}'"
        )
    scenario.session.rollback()


def sends(scenario: Scenario, org: Org, *times: str) -> list[list[str]]:
    """The emails of each visit of the sweep."""
    found = []
    for when in times:
        before = len(org.letters)
        scenario.at(when)
        scenario.session.rollback()
        tasks.send_invoice_emails()
        found.append(org.letters[before:])
    return found


@pytest.mark.slow
def test_the_invoice_is_mailed_and_then_reminders_on_days_1_7_and_14(scenario: Scenario) -> None:
    org = scenario.org()
    invoice_id = invoice(org)
    times = ("2026-11-21 12:00", "2026-11-21 12:01", "2026-12-06 08:59", "2026-12-06 09:00", "2026-12-06 09:01",
             "2026-12-12 08:59", "2026-12-12 09:00", "2026-12-19 09:00", "2027-01-30 09:00")  # fmt: skip
    assert sends(scenario, org, *times) == [
        ["invoice_issued"], [], [], ["invoice_overdue"], [], [], ["invoice_overdue"], ["invoice_overdue"], [],
    ]  # fmt: skip
    assert now_is(scenario, invoice_id).next_mail_at is None


def test_after_weeks_without_a_sweep_the_invoice_comes_first_and_then_one_reminder(scenario: Scenario) -> None:
    org = scenario.org()
    invoice(org)
    assert sends(scenario, org, "2026-12-15 10:00", "2026-12-15 10:01", "2026-12-15 10:02", "2026-12-19 09:00") == [
        ["invoice_issued"], ["invoice_overdue"], [], ["invoice_overdue"],
    ]  # fmt: skip


def test_what_is_paid_or_void_is_not_reminded_of(scenario: Scenario) -> None:
    paid, void = scenario.org(), scenario.org()
    paid_id, void_id = invoice(paid), invoice(void)
    sends(scenario, paid, "2026-11-21 12:00")
    pays(scenario, paid_id, 10_000)
    settles(scenario, void_invoice, void_id)
    assert sends(scenario, paid, "2026-12-06 09:00") == [[]]
    assert void.letters == ["invoice_issued", "invoice_void"]


def test_sweeps_that_race_send_each_email_once(scenario: Scenario) -> None:
    org = scenario.org()
    invoice_id = invoice(org)
    scenario.session.rollback()

    def one(_: int) -> None:
        with scenario.app.app_context(), transaction() as session:
            reminders.send_due_email(session, invoice_id, scenario.clock.at)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(one, range(4)))
    assert org.letters == ["invoice_issued"]


def test_the_sandboxs_clock_stops_where_an_email_falls_due(scenario: Scenario) -> None:
    org = scenario.org(zone="Pacific/Auckland")
    invoice_id = invoice(org)
    row = now_is(scenario, invoice_id)
    stops: list[datetime] = reminders.list_reminders(row)
    assert stops == [utc("2026-12-06 09:00"), utc("2026-12-12 09:00"), utc("2026-12-19 09:00")]
    tasks.send_invoice_emails()
    with transaction() as session:
        assert reminders.find_next_due(session, utc("2026-12-06 08:59"), utc("2026-12-06 09:00")) == stops[0]


def test_what_is_owed_is_told_by_currency_with_the_part_that_is_overdue(scenario: Scenario) -> None:
    org = scenario.org()
    first = invoice(org)
    bills(org, closes(org, month(9), Used("50030")), kind="offline", status=None)
    pays(scenario, first, 2_500)
    assert sum_owed(scenario.session, scenario.clock.at, org.id) == [("USD", 7_530, 2, 0, 0)]
    assert sum_owed(scenario.session, utc("2026-12-06"), org.id) == [("USD", 7_530, 2, 7_530, 2)]


def test_the_pdf_is_rendered_once_and_kept_with_its_sha256(scenario: Scenario) -> None:
    org = scenario.org()
    invoice_id = invoice(org)
    number = now_is(scenario, invoice_id).number
    scenario.session.rollback()
    for _ in range(2):
        tasks.keep_document(str(invoice_id))
        scenario.later(days=1)
    with transaction() as session:
        pdf = get_pdf(session, org.id, invoice_id)
        [kept] = session.scalars(select(IssuedDocument).where(IssuedDocument.invoice_id == invoice_id))
        assert (kept.sha256, kept.kept_at) == (hashlib.sha256(pdf).digest(), WRITTEN)
        assert list_unkept(session, 1_000_000).count(invoice_id) == 0
    assert pdf.startswith(b"%PDF-")
    answer = org.browser().get(f"/billing/invoices/{invoice_id}/issued.pdf")
    assert (answer.status_code, answer.data) == (200, pdf)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{number}.pdf"'
    assert scenario.staff().get(f"/admin/invoices/{invoice_id}.pdf").data == pdf
    assert scenario.org().browser().get(f"/billing/invoices/{invoice_id}/issued.pdf").status_code == 404


@pytest.mark.slow
def test_a_pdf_that_is_not_there_yet_is_not_offered_and_made_by_the_sweep(scenario: Scenario) -> None:
    org = scenario.org()
    invoice_id = invoice(org)
    path = f"/billing/usage?invoice={invoice_id}"
    assert "Download PDF" not in org.page(path)
    assert org.browser().get(f"/billing/invoices/{invoice_id}/issued.pdf").status_code == 404
    tasks.keep_documents()
    assert "Download PDF" in org.page(path)


def test_the_document_says_what_was_issued(scenario: Scenario) -> None:
    document = build_document(now_is(scenario, invoice(scenario.org())))
    assert (document.seller.name, document.buyer.name) == ("Toll Ltd", "High Tide")
    assert list(document.facts) == [("Issued", "21 November 2026"), ("Due", "5 December 2026")]
    assert [row.cells for row in document.sections[0].rows] == [("API calls", "$100.00")]
    assert document.totals[0].amount == "$100.00"
    assert document.notes == [f"Please pay by bank transfer, with the reference {document.number}."]
