"""An organisation that we invoice in its own currency: mails, documents and staff's pages speak that alone."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial

import pytest
from sqlalchemy import select

from app.billing_runs.rehearsal.night import NightReport, rehearse_org
from app.billing_runs.run import run_billing
from app.invoices.offline.layout import build_document
from app.invoices.offline.models import IssuedInvoice
from app.invoices.offline.reminders import send_due_email
from app.invoices.pdf import render_pdf
from app.kit.actor import SYSTEM
from app.mail.models import Mail
from app.metering.corrections.void import void_event
from app.web.database import transaction
from tests.admin.test_our_invoices import payment
from tests.billing_runs.patience import patiently
from tests.billing_runs.test_close import GRACE
from tests.factories import unique, utc
from tests.pages import text_of
from tests.scenario import Org, Scenario
from tests.support.amounts import ANY, SIGNS, foreign, misplaced, read, texts


@dataclass(frozen=True)
class Invoiced:
    """A month's fee and the price of a unit above 1,000; `usage` is 2,000 units, billed with the next fee; `part` is a
    payment of some of both.
    """

    month: str
    year: str
    unit: str
    fee: str
    usage: str
    part: str
    paid: str
    left: str
    file: str


INVOICED = {
    "EUR": Invoiced("46.00", "460.00", "0.015", "€46.00", "€15.00", "5.00", "€5.00", "€56.00", "15.00"),
    "JPY": Invoiced("7400", "74000", "1.5", "¥7,400", "¥1,500", "500", "¥500", "¥8,400", "1500"),
    "KWD": Invoiced(
        "15.000", "150.000", "0.0035", "KWD 15.000", "KWD 3.500", "1.250", "KWD 1.250", "KWD 17.250", "3.500"
    ),
}


def speaks(words: str, currency: str, where: str, *shown: str) -> None:
    """Every amount is in the currency and in its decimals, and these are there."""
    words = words.replace("\u00a0", " ")
    assert (foreign(words, currency), misplaced(words, currency)) == (set(), set()), where
    assert [amount for amount in shown if amount not in words] == [], (
        where,
        sorted({m[0] for m in ANY.finditer(words)}),
    )


def closes(org: Org, when: str) -> list[IssuedInvoice]:
    """A billing run at an instant; the invoices since, each with its emails."""
    before = {row.invoice_id for row in issued(org)}
    org.scenario.at(when)
    org.with_period()
    assert patiently(partial(run_billing, None, org.now, GRACE, org.id)).errors == {}
    made = [row for row in issued(org) if row.invoice_id not in before]
    sends(org, made, org.now)
    return made


def issued(org: Org) -> list[IssuedInvoice]:
    found = org.session.scalars(select(IssuedInvoice).where(IssuedInvoice.org_id == org.id))
    return sorted(found, key=lambda row: (row.issued_at, row.number))


def sends(org: Org, rows: list[IssuedInvoice], at: datetime) -> None:
    for invoice_id in [row.invoice_id for row in rows]:
        with transaction() as session:
            send_due_email(session, invoice_id, at)


def mails(org: Org) -> dict[str, str]:
    """What each mail to its members says, by template."""
    rows = org.rows("SELECT email FROM users u JOIN memberships m ON m.user_id = u.id WHERE m.org_id = :org")
    found = org.session.scalars(select(Mail).where(Mail.to_address.in_([row.email for row in rows])).order_by(Mail.id))
    return {mail.template: f"{mail.subject}\n{mail.body_text}\n{read(mail.body_html or '')}" for mail in found}


@pytest.mark.slow
@pytest.mark.parametrize("currency", INVOICED)
def test_who_is_invoiced_reads_and_is_read_in_their_own_currency(scenario: Scenario, currency: str) -> None:
    shown = INVOICED[currency]
    scenario.at("2026-11-01 00:00")
    plan = scenario.plan(
        sold=(currency, shown.month, shown.year), policy="charge", allowance=1000,
        priced=f'model = "per_unit"\nunit_amount = "{shown.unit}"',
    )  # fmt: skip
    org = scenario.org(name=unique("Paid in its own")).on(plan, currency=currency)
    [fee] = closes(org, "2026-11-01 02:00")
    scenario.at("2026-11-12 00:00")
    twice = unique("event")
    org.uses(1000, meter=plan.meter).uses(1000, meter=plan.meter, event=twice)
    usage = next(row for row in closes(org, "2026-12-01 02:00") if row.total != fee.total)
    for row, amount in ((fee, shown.fee), (usage, shown.usage)):
        speaks(texts(asdict(build_document(row))), currency, row.number, amount)
        assert render_pdf(build_document(row)).startswith(b"%PDF-")
    staff, path = scenario.staff(), f"/admin/invoices/{usage.invoice_id}"
    scenario.at("2026-12-02 12:00")
    assert payment(staff, path, amount=shown.part, day="2026-12-02")[0] == 303
    sends(org, issued(org), utc("2026-12-16 12:00"))
    speaks(read(text_of(staff.get(path))), currency, path, shown.usage, shown.paid, shown.left)
    for template, words in mails(org).items():
        speaks(words, currency, template)
    assert {"invoice_issued", "invoice_payment", "invoice_overdue"} <= mails(org).keys()
    speaks(mails(org)["invoice_payment"], currency, "payment", shown.paid, shown.left)
    org.uses(2000, meter=plan.meter, at="2026-12-02 10:00")
    scenario.at("2026-12-03 02:00")
    rehearse_org(org.id, org.now, NightReport())
    reads_as_staff(scenario, org, currency, shown)
    reads_as_member(org, currency, shown)
    with transaction() as session:
        void_event(session, org.id, twice, "a retry", actor=SYSTEM, now=org.now)
    for page in (f"/admin/orgs/{org.id}/corrections", path):
        speaks(read(text_of(staff.get(page))), currency, page)


def reads_as_staff(scenario: Scenario, org: Org, currency: str, shown: Invoiced) -> None:
    """The pages of one organisation, and those that list many, by its rows or its currency."""
    staff = scenario.staff()
    for path in (f"/admin/orgs/{org.id}", f"/admin/orgs/{org.id}/statement"):
        speaks(read(text_of(staff.get(path))), currency, path)
    for page in ("revenue", "movements", "cohorts", "top"):
        path = f"/admin/analytics/{page}?currency={currency}"
        speaks(read(text_of(staff.get(path))), currency, path)
    path = f"/admin/analytics/revenue?currency={currency}&org={org.id}"
    speaks(read(text_of(staff.get(path))), currency, path, shown.fee)
    name = org.rows("SELECT name FROM orgs WHERE id = :org")[0].name
    for path, label in (("/admin/invoices", "Open in"), ("/admin/billing-runs/rehearsal", "Usage in")):
        page = text_of(staff.get(path))
        total = re.search(rf"{label} {currency}\s+(\S+)", read(page))
        assert total, path
        assert total[1].startswith(SIGNS[currency]), path
        assert name in page, path
        rows = [row for row in page.split("<tr") if name in row]
        speaks(read("".join(rows).replace("<main", "")), currency, path)
    filed = text_of(staff.get("/admin/billing-runs/rehearsal.csv"))
    [mine] = [line for line in filed.splitlines() if str(org.id) in line]
    assert {shown.file, currency} <= set(mine.split(","))


def reads_as_member(org: Org, currency: str, shown: Invoiced) -> None:
    """The customer's own pages."""
    pages = {
        "/billing": (shown.fee,),
        "/billing/usage": (shown.usage,),
        "/billing/receipt": (shown.fee,),
        "/billing/statement?from=2026-11-01&to=2026-12-31": (shown.fee, shown.paid),
    }
    for path, amounts in pages.items():
        speaks(read(text_of(org.browser().get(path))), currency, path, *amounts)
