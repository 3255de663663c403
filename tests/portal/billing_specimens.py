"""The billing pages in every state, from view models alone: for tests of templates and for pictures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.accounts.queries import OrgChoice
from app.portal.billing.checkout_result import Paid, build_return_view
from app.portal.billing.history import HistoryView, RecordRow
from app.portal.billing.overage import ADD_CARD, OFF, ON, OverageView
from app.portal.billing.overview import AmountPreview, build_billing_view
from app.portal.billing.plan.cancellation import CancelView, build_sections
from app.portal.billing.plan.cancellation import build_heading as cancel_heading
from app.portal.billing.plan.change import USAGE_CONTINUES, ChangeForm
from app.portal.billing.plan.change_obstacles import ChangeSubject, build_change_obstacle, build_unpriced
from app.portal.billing.plan.upgrade import (
    LEFT,
    UNCHANGED,
    Purchase,
    UpgradeView,
    build_button_label,
    build_heading,
    list_notes,
)
from app.portal.billing.plan.upgrade_obstacles import ObstacleContext, build_obstacle
from app.portal.billing.status import (
    BillingStatus,
    CardOnFile,
    Due,
    OpenCheckout,
    OpenInvoice,
    PendingChange,
    PlannedMove,
    SecondSubscription,
)
from app.portal.shell.fit import FitRow, FitView
from app.portal.shell.page_parts import Notice, Section, build_trouble_notice
from app.portal.shell.people import PlanManager
from app.portal.shell.plan_detail import PlanDetailView
from app.statements.comparison import CompareRow
from app.subscriptions.changes.timing import ChangeDecision
from tests.web.stage import stage

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RENEWS = datetime(2026, 12, 21, 12, 0, tzinfo=UTC)
ORG = UUID("0199c2f0-0000-7000-8000-000000000001")
ZONE = "America/Argentina/Buenos_Aires"
PEOPLE = [
    PlanManager("Ada Lovelace", "ada@example.com"),
    PlanManager("Grace Hopper", "grace.hopper@a-very-long-domain.example"),
]
CARD = CardOnFile("visa", "4242", 12, 2034)
DUE = Due(4900, "USD", NOW + timedelta(days=3))
PENDING = PendingChange("Max", "month", NOW + timedelta(hours=23), 2500, "USD", "https://invoice.stripe.com/i/1",
                        "Your card was declined.", confirms=False)  # fmt: skip
PLANNED = PlannedMove("Starter", "month", RENEWS, 1900)
FIRST = ("past_due", "unpaid", "paused", "pending_update", "processing", "ending", "planned", "no_card", "other_price")
RETURNS = ("paid", "saved", "waiting", "open", "expired", "failed", "away")


def standing(**changed: Any) -> BillingStatus:
    """An org on Pro by Stripe, with a card; changes on top."""
    at = BillingStatus(
        as_of=NOW, time_zone=ZONE, plan_key="pro", plan_name="Pro", default_name="Free", state="active",
        collection="stripe", interval="month", currency="USD", fee=4900,
        renews_at=RENEWS, ends_at=None, limited=False, grace_ends_at=None, customer=True, stripe_id="sub_1", card=CARD,
        due=None, checkout=None,
    )  # fmt: skip
    return replace(at, **changed)


STANDINGS: dict[str, BillingStatus] = {
    "paid": standing(),
    "change-declined": standing(pending=PENDING),
    "change-confirm": standing(pending=replace(PENDING, confirms=True)),
    "change-processing": standing(pending=replace(PENDING, failure=None)),
    "change-asked": standing(change_asked=True),
    "change-planned": standing(planned=PLANNED),
    "free": standing(plan_key="free", plan_name="Free", collection="none", fee=0, currency=None,
                     renews_at=None, customer=False, stripe_id=None, card=None),
    "visit": standing(plan_key="free", plan_name="Free", collection="none", fee=0, renews_at=None, card=None,
                      checkout=OpenCheckout("pro", "month", "USD")),
    "offline": standing(collection="offline", fee=None, card=None, customer=False, stripe_id=None),
    "past_due": standing(state="past_due", grace_ends_at=NOW + timedelta(days=7), due=DUE,
                         card=CardOnFile("american_express", "0005", 11, 2026)),
    "limited": standing(state="past_due", limited=True, due=replace(DUE, next_attempt_at=None)),
    "unpaid": standing(state="unpaid", limited=True, due=replace(DUE, amount=14_700, next_attempt_at=None, invoices=3)),
    "confirm": standing(state="past_due", grace_ends_at=NOW + timedelta(days=7),
                        due=replace(DUE, confirm_url="https://invoice.stripe.com/i/x")),
    "no_card": standing(card=None),
    "late_no_card": standing(state="past_due", grace_ends_at=NOW + timedelta(days=7), due=DUE, card=None),
    "link": standing(card=CardOnFile("link", None, None, None)),
    "left_open": standing(due=replace(DUE, next_attempt_at=None)),
    "cancels": standing(ends_at=RENEWS),
    "ends_later": standing(ends_at=RENEWS + timedelta(days=9)),
    "paused": standing(state="paused", limited=True),
    "paused_no_card": standing(state="paused", limited=True, card=None),
    "suspended": standing(suspended=True),
    "contact_refused": standing(contact_refused=True),
    "open_invoices": standing(open_invoices=[
        OpenInvoice("TK-0007", 5000, "USD", NOW + timedelta(days=30), "https://invoice.stripe.com/i/x"),
        OpenInvoice("TK-0001", 1900, "USD", NOW - timedelta(days=30), "https://invoice.stripe.com/i/y"),
    ]),
    "second": standing(ends_at=RENEWS, second=SecondSubscription("Starter", 1900, "USD", "month", RENEWS)),
    "yearly": standing(interval="year", fee=74_000, currency="JPY", card=CardOnFile("visa", "4242", 10, 2026)),
}  # fmt: skip


def _rows() -> list[RecordRow]:
    states = [("Waiting", "accent", "clock"), ("Partly refunded", "neutral", "arrow"), ("Failed", "bad", "cross"),
              ("Paid", "good", "check")]  # fmt: skip
    return [
        RecordRow(
            at=NOW - timedelta(days=30 * number), description="Pro, monthly", badge=badge, amount="$49.00",
            refunded="$10.00 went back" if number == 1 else None, card="Visa 4242" if number else "",
            note="Your card was declined." if number == 2 else None, number=f"TK-000{number}" if number else None,
            pdf="https://pay.stripe.com/invoice/x/pdf" if number else None,
            pay="https://invoice.stripe.com/i/x" if number == 2 else None,
        )
        for number, badge in enumerate(states)
    ]  # fmt: skip


def history(*, empty: bool = False, narrow: bool = False) -> HistoryView:
    """A page of the history; `narrow`: filtered down to nothing."""
    shown = [] if empty or narrow else _rows()
    words = ("All", "Waiting", "Paid", "Failed", "Refunded")
    return HistoryView(
        rows=shown,
        states=[(each, f"/billing?state={each.lower()}#history", each == "All") for each in words],
        since=None,
        until=None,
        state="",
        narrow=narrow,
        totals=["$98.00 paid, $10.00 of it refunded.", "¥74,000 paid."] if shown else [],
        next_href="/billing?next=abc#history" if shown else None,
        first_href=None,
        csv_href="/billing/history.csv",
        life=[] if empty else [(NOW, "Pro was renewed"), (NOW - timedelta(days=30), "Pro began")],
    )


def billing(kind: str = "paid", *, role: str = "owner", payments_on: bool = True, **more: Any) -> Any:
    """The billing page in a state of `STANDINGS`."""
    found = more.pop("found", None) or history(empty=kind in {"free", "visit"})
    people = PEOPLE if role == "viewer" else ()
    return build_billing_view(STANDINGS[kind], found, role=role, payments_on=payments_on, people=people, **more)


def overage(press: str | None) -> Any:
    """The billing page of an org on the Free plan whose button does this."""
    shown = OverageView(
        on=press == OFF,
        lead="Since 3 November 2026, usage above your plan's allowance is charged to Visa ending 4242 each month.",
        points=["API calls: 1,000 calls a month included, then $0.01 each. No hard limit.",
                "Documents scanned: 25 documents a month included, then $0.000000000001 each. Refused above 999,999."],
        limits="There is no spend cap yet. Without a hard limit, nothing bounds what a month can cost.",
        press=press,
        label="Pay for overage with American Express ending 4242",
        note="You can switch it off at any time.",
        fields={"version": str(ORG), "card": "pm_1"} if press == ON else {},
    )  # fmt: skip
    return replace(billing("free"), overage=shown)


def _fit() -> FitView:
    """The fit report with every result."""
    rows = [
        FitRow("API calls", "1,000", "1,200, about 2,400 expected", "2,300 in October 2026",
               ("Would be refused", "bad", "ban")),
        FitRow("Documents", "200 included", "240", "None", ("$20.00 dearer", "high", "alert")),
        FitRow("API calls an hour", "50 an hour", "Not recorded", "Not recorded", ("Not known", "neutral", None)),
        FitRow("Tokens", "Unlimited", "12,000,000", "15,000,000 in September 2026", ("Fits", "good", "check")),
    ]  # fmt: skip
    points = ["API calls: 1,200 used this period, Pro allows 1,000."]
    return FitView("Does your usage fit Pro?", "Pro", "Compared with this period so far.", points, rows)


def _choice() -> PlanDetailView:
    rows = [CompareRow("API calls a month", ["1,000", "50,000"]), CompareRow("Analytics", ["no", "yes"])]
    return PlanDetailView(
        "pro",
        "Pro",
        "For products in production.",
        "$49.00 a month, before tax",
        ["Now", "Pro"],
        rows,
        _fit(),
        PEOPLE,
        "/plans",
        Section("Ask an owner"),
    )


def upgrade(kind: str = "buy", *, notice: Notice | None = None, resumes: bool = False,
            offline: bool = False) -> UpgradeView:  # fmt: skip
    """The page of Pro for an org on Starter; `kind` is buy, or that of the obstacle."""
    plan, at = _choice(), standing(plan_key="starter", plan_name="Starter")
    purchase = Purchase(
        zone=ZONE, interval="month", currency="USD", version="1", amount="$49.00", next_at=RENEWS,
        intervals=[("Monthly", "/a", True), ("Yearly", "/b", False)],
        currencies=[("EUR", "/c", False), ("USD", "/d", True)],
        button=build_button_label("$49.00", resumes=resumes), notes=list_notes("Pro", "Starter", offline=offline),
    )  # fmt: skip
    stopped = None if kind == "buy" else build_obstacle(kind, ObstacleContext(plan, "$49.00", "month", at))
    return UpgradeView(build_heading(kind, "Pro"), plan, notice, None if stopped else purchase, stopped,
                       None if kind == "current" else UNCHANGED)  # fmt: skip


def change(timing: Any = "at_once", reason: Any = None) -> UpgradeView:
    """The page of Max for an org that pays for Pro: with its money, or why it is not changed at once."""
    plan, at = replace(_choice(), key="max", name="Max"), standing(pending=PENDING if reason else None, planned=PLANNED)
    form = ChangeForm(
        zone=ZONE, interval="month",
        rows=[("Unused time on Pro after 06 Dec 2026", "-$24.50"), ("Remaining time on Max after 6 Dec 2026", "$49.50"),
              ("Discount", "-$4.95"), ("Tax", "$3.81"), ("Balance from earlier invoices", "-$1.00")],
        due="$22.86", next_amount="$99.00", next_at=RENEWS, next_exact=True, next_estimated=False, quote="WyJ.x",
        button="Upgrade, $22.86 today",
        notes=[("lock", "Visa ending 4242 is charged."), ("info", "Usage before the change stays owed: $200.00.")],
    )  # fmt: skip
    subject = ChangeSubject("max", "Max", "month", "USD", at, "1", "$99.00 a month, before tax")
    stopped = (
        None if timing == "at_once" else build_unpriced(subject, AWAY) if timing == "away"
        else build_change_obstacle(ChangeDecision(timing, reason), subject)
    )  # fmt: skip
    return UpgradeView("Upgrade to Max", plan, None, None, stopped, USAGE_CONTINUES, None if stopped else form)


def cancel(kind: str = "ask", *, late: bool = False, trouble: str | None = None) -> CancelView:
    """The page before cancelling, as it is for an org in a standing that leads to this `kind`."""
    at = standing(collection="none" if kind == "nothing" else "stripe", ends_at=RENEWS if kind == "cancelled" else None,
                  state="past_due" if late else "active")  # fmt: skip
    return CancelView(
        heading=cancel_heading(kind, "Pro"), notice=build_trouble_notice(trouble) if trouble else None,
        sections=build_sections(kind, at, "Free", PEOPLE),
        confirm="Cancel Pro" if kind == "ask" else None, keep="Keep Pro", next_plan="Free",
        changes=[] if kind in {"nothing", "cancelled"} else _choice().changes,
        fit=None if kind in {"nothing", "cancelled"} else _fit(),
    )  # fmt: skip


def returned(state: str, *, looks: int = 0, elsewhere: OrgChoice | None = None) -> Any:
    """The page after Stripe's."""
    again = f"/billing/return?checkout={ORG}&session_id=cs_test_1&looks={looks + 1}"
    return build_return_view(state, standing(), plan=None if state == "saved" else "Pro", retry="/billing/upgrade/pro",
                       again=again, polls_so_far=looks, paid=Paid("$49.00", "Visa 4242"),
                       elsewhere=elsewhere)  # fmt: skip


AWAY = "Our payment provider does not answer right now. Press the button again in a minute."
with stage().app_context():  # view models name the pages they lead to
    PAGES: dict[str, tuple[str, Any]] = {
        **{f"billing-{kind}": ("billing/billing.html", billing(kind)) for kind in STANDINGS},
        **{f"billing-overage-{press}": ("billing/billing.html", overage(press)) for press in (ON, OFF, ADD_CARD, None)},
        "billing-viewer": ("billing/billing.html", billing("past_due", role="viewer")),
        "billing-off": ("billing/billing.html", billing("free", payments_on=False)),
        "billing-trouble": ("billing/billing.html", billing(trouble=AWAY)),
        "billing-exact": ("billing/billing.html", billing(preview=AmountPreview("$39.20"))),
        "billing-exact-away": (
            "billing/billing.html",
            billing(preview=AmountPreview(trouble="Stripe does not answer.")),
        ),
        "billing-filtered": ("billing/billing.html", billing(found=history(narrow=True))),
        **{
            f"upgrade-{kind}": ("billing/upgrade.html", upgrade(kind))
            for kind in ("buy", "current", "role", "off", "agreement", "change_role", "default")
        },
        "upgrade-change": ("billing/upgrade.html", change()),
        **{f"upgrade-change-{reason}": ("billing/upgrade.html", change("first", reason)) for reason in FIRST},
        **{
            f"upgrade-change-{timing}-{reason}": ("billing/upgrade.html", change(timing, reason))
            for timing, reason in (
                ("at_period_end", None),
                ("at_period_end", "credit"),
                ("at_period_end", "delayed_card"),
                ("choose", None),
                ("away", None),
                ("refused", "no_price"),
            )
        },
        "upgrade-left": ("billing/upgrade.html", upgrade(notice=LEFT, resumes=True)),
        "upgrade-trouble": ("billing/upgrade.html", upgrade(notice=build_trouble_notice(AWAY), offline=True)),
        **{
            f"cancel-{kind}": ("billing/cancel.html", cancel(kind))
            for kind in ("ask", "role", "off", "cancelled", "nothing")
        },
        "cancel-late": ("billing/cancel.html", cancel(late=True, trouble=AWAY)),
        **{f"return-{state}": ("billing/return.html", returned(state)) for state in RETURNS},
        "return-elsewhere": ("billing/return.html", returned("paid", elsewhere=OrgChoice(ORG, "Acme", "owner"))),
        **{
            f"return-{state}-late": ("billing/return.html", returned(state, looks=15))
            for state in ("waiting", "open", "away")
        },
    }
