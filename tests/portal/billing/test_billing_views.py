"""The billing pages in every state, rendered from view models alone; and the pure parts behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from app.portal.billing import words
from app.portal.billing.checkout_result import MAX_POLLS, build_return_view
from app.portal.billing.overview import build_next_payment
from app.portal.billing.plan.cancellation import build_sections
from app.portal.billing.troubles import list_troubles
from app.portal.shell.banner import BannerFacts, UnpaidChange, build_banner
from app.statements.wording import format_day
from tests.portal import billing_specimens as specimens
from tests.support.copy import copy
from tests.web.stage import page, stage


@pytest.fixture(autouse=True)
def _addresses() -> Iterator[None]:
    """View models name the pages they lead to, and only an app knows where those are."""
    with stage().app_context():
        yield


@pytest.mark.parametrize("name", specimens.PAGES)
def test_every_state_renders_with_one_heading_and_a_token_in_each_form(name: str) -> None:
    template, view = specimens.PAGES[name]
    html = page(template, view=view)
    assert html.count("<h1") == 1
    for form in re.findall(r'<form[^>]*method="post".*?</form>', html, re.DOTALL):
        assert "csrf_token" in form
    assert "hx-boost" not in html
    assert not re.search(r"hx-post", html)


@pytest.mark.parametrize(("name", "block"), [("billing-paid", "next"), ("return-waiting", "result")])
def test_a_fragment_is_a_block_of_its_page(name: str, block: str) -> None:
    template, view = specimens.PAGES[name]
    assert page(template, block=block, view=view).strip() in page(template, view=view)


@pytest.mark.parametrize("state", specimens.RETURNS)
def test_only_what_is_not_settled_looks_again_and_not_for_ever(state: str) -> None:
    settled = state not in {"waiting", "open", "away"}
    assert (specimens.returned(state).again is None) is settled
    assert specimens.returned(state).polls is not settled
    assert not specimens.returned(state, looks=MAX_POLLS).polls


@pytest.mark.parametrize("state", [each for each in specimens.RETURNS if each not in {"paid", "saved"}])
def test_nothing_but_a_confirmed_payment_reads_as_one(state: str) -> None:
    view = specimens.returned(state, looks=MAX_POLLS)
    assert view.kind != "good"
    assert not view.facts
    assert copy("returned.given", plan="Pro") not in view.title


def test_the_return_page_names_the_plan_that_really_holds() -> None:
    at = specimens.standing(plan_name="Enterprise")
    assert specimens.returned("paid").title == copy("returned.given", plan="Pro")
    assert copy("returned.given_now", plan="Enterprise") in build_return_view(
        "paid", at, plan="Pro", retry="/", again="/", polls_so_far=0
    ).lines[0]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "amount", "note"),
    [
        ("paid", "$49.00", copy("next.before_tax")),
        ("free", "Nothing", copy("next.none")),
        ("offline", "Nothing", copy("next.offline")),
        ("past_due", "$49.00", copy("next.overdue_tries")),
        ("limited", "$49.00", copy("next.overdue")),
        ("unpaid", "$147.00", copy("next.overdue")),
        ("confirm", "$49.00", copy("next.confirm")),
        ("left_open", "$49.00", copy("next.before_tax")),
        ("cancels", "Nothing", copy("next.not_renewed", plan="Pro")),
        ("ends_later", "$49.00", copy("next.before_tax")),
        ("trial", "$49.00", copy("next.before_tax")),
        ("trial_no_card", "Nothing", copy("next.ends_with_trial")),
        ("trial_cancels", "Nothing", copy("next.ends_with_trial")),
        ("paused", "Nothing", copy("next.none")),
        ("yearly", "¥74,000", copy("next.before_tax")),
    ],
)
def test_what_is_taken_next(kind: str, amount: str, note: str) -> None:
    found = build_next_payment(specimens.STANDINGS[kind], None)
    assert (found.amount, found.notes[0]) == (amount, note)


@pytest.mark.parametrize(
    ("kind", "card", "note", "plans"),
    [
        ("offline", copy("billing.by_invoice"), copy("billing.pays_invoices"), False),
        ("free", copy("billing.no_card"), copy("billing.first_card"), True),
        ("no_card", copy("billing.no_card"), copy("billing.no_card_pays"), False),
    ],
)
def test_without_a_card_the_page_says_how_the_org_pays(kind: str, card: str, note: str, plans: bool) -> None:
    view = specimens.billing(kind)
    assert (view.card, view.card_notes, view.offers_plans) == (card, [note], plans)


_SECOND = specimens.STANDINGS["second"].second
_LATER = specimens.RENEWS + timedelta(days=9)


@pytest.mark.parametrize(
    ("changed", "amount", "notes", "then"),
    [
        ({"fee": None}, "Custom price", ["next.by_hand"], "billing.renews_only"),
        ({"fee": None, "ends_at": _LATER}, "Custom price", ["next.by_hand", "next.shorter"],
         "billing.renews_then_ends"),
        ({"ends_at": _LATER, "second": _SECOND}, "$49.00", ["next.before_tax", "next.shorter"],
         "billing.renews_then_ends"),
        ({"ends_at": specimens.RENEWS, "second": _SECOND}, "$19.00", ["next.second"], "billing.ends_beside"),
        ({"ends_at": specimens.NOW, "second": _SECOND}, "$19.00", ["next.second"], "billing.ends_beside"),
    ],
)  # fmt: skip
def test_a_planned_end_beside_a_price_by_hand_or_a_second_subscription(
    changed: dict[str, object], amount: str, notes: list[str], then: str
) -> None:
    at = specimens.standing(**changed)
    found = build_next_payment(at, None)
    assert (found.amount, found.notes) == (amount, [copy(note) for note in notes])
    renews, ends = (format_day(moment or specimens.NOW, at.time_zone) for moment in (at.renews_at, at.ends_at))
    assert words.describe_next_payment(at) == copy(then, plan="Pro", other="Starter", date=renews, end=ends)


def test_who_may_not_act_gets_no_buttons() -> None:
    for at in specimens.STANDINGS.values():
        assert all(not trouble.actions for trouble in list_troubles(at, usable=False))


@pytest.mark.parametrize(
    ("changed", "role", "kind", "action"),
    [
        ({}, "owner", None, None),
        ({"state": "past_due"}, "billing", "strong", copy("banner.fix")),
        ({"state": "past_due"}, "viewer", "strong", None),
        ({"state": "past_due", "confirms": True}, "owner", "strong", copy("banner.confirm")),
        ({"state": "unpaid", "limited": True, "confirms": True}, "owner", "full", copy("banner.confirm")),
        ({"state": "past_due", "limited": True, "ends_at": specimens.RENEWS}, "owner", "full", "Pay now"),
        ({"ends_at": specimens.RENEWS}, "admin", "near", copy("banner.undo")),
        ({"unpaid": UnpaidChange(specimens.RENEWS, False, "https://x", "month", "Max")}, "owner", "strong", "Pay it"),
        (
            {"unpaid": UnpaidChange(specimens.RENEWS, True, "https://x", "month", "Max")},
            "owner",
            "strong",
            "Confirm it",
        ),
        ({"unpaid": UnpaidChange(specimens.RENEWS, True, "https://x", "month", "Max")}, "viewer", "strong", None),
    ],
)
def test_the_banner_says_the_most_pressing(
    changed: dict[str, object], role: str, kind: str | None, action: str | None
) -> None:
    stands = replace(BannerFacts("active", False, None, None, "Pro"), **changed)  # type: ignore[arg-type]
    found = build_banner(stands, role, "UTC")
    assert (found.kind if found else None, found.action if found else None) == (kind, action)
    assert build_banner(None, role, "UTC") is None


def test_an_unpaid_change_of_the_interval_alone_names_it() -> None:
    change = UnpaidChange(specimens.RENEWS, False, "https://x", "year", "Pro")
    found = build_banner(replace(BannerFacts("active", False, None, None, "Pro"), unpaid=change), "owner", "UTC")
    assert found
    assert (found.title, found.url) == ("The payment for Pro by the year was declined", "https://x")


def test_the_second_payment_is_counted_in_utc_and_clamped_as_stripe_does() -> None:
    january = specimens.NOW.replace(month=1, day=31)
    assert words.calculate_next_payment(january, "month").day == 28
    assert words.calculate_next_payment(specimens.NOW, "year") == specimens.NOW.replace(year=2027)


def test_a_card_is_good_to_the_end_of_its_month() -> None:
    card = specimens.CARD
    for at, said in ((0, "this month"), (31, copy("billing.card_expired"))):
        found = words.find_card_warning(replace(card, exp_month=11, exp_year=2026), specimens.NOW + timedelta(days=at))
        assert found
        assert said in found
    assert words.find_card_warning(card, specimens.NOW) is None


@pytest.mark.parametrize("planned", [False, True])
def test_who_cancels_is_told_that_a_planned_change_ends_with_it(*, planned: bool) -> None:
    at = specimens.STANDINGS["change-planned"] if planned else specimens.standing()
    sections = build_sections("ask", at, "Free", [])
    said = "undoing the cancellation does not bring it back." in str([section.lines for section in sections])
    assert said is planned
