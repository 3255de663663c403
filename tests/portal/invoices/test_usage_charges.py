"""/billing/usage: what each closed period came to, where its lines stand, how each amount came about; and the file."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.billing_runs.run import run_billing
from tests.billing_runs.patience import patiently
from tests.factories import utc
from tests.pages import text_of
from tests.portal.invoices.books import Used, bills, closes, month
from tests.scenario import Org, Scenario
from tests.support.copy import copy

USAGE = "/billing/usage"


def read(org: Org, path: str = USAGE, role: str = "owner", status: int = 200) -> str:
    return html.unescape(text_of(org.browser(role).get(path), status))


def rows_of(page: str) -> list[list[str]]:
    """The rows of every table of steps: step, quantity, price, amount."""
    rows = re.findall(r'<tr>\s*<th scope="row" data-label="Step">(.*?)</tr>', page, re.DOTALL)
    return [re.sub(r"</t[hd]>\s*<td[^>]*>", "|", row).strip().removesuffix("</td>").split("|") for row in rows]


def cents(words: str) -> Decimal:
    return Decimal(words.replace("$", "").replace(",", "").replace("\N{MINUS SIGN}", "-"))


def test_without_a_closed_period_the_page_says_what_will_appear(scenario: Scenario) -> None:
    page = read(scenario.org())
    assert copy("usage_charges.none_yet") in page
    assert "usage-charges.csv" not in page


def test_a_period_that_was_really_closed_is_explained_to_the_cent(scenario: Scenario) -> None:
    """60,000.5 calls on Pro, invoiced by us: the page shows what the close wrote."""
    org = scenario.org().on("pro").uses("60000.5")
    scenario.at("2026-12-02 00:00")
    patiently(lambda: run_billing(None, scenario.clock.now(), timedelta(hours=1), org.id))
    page = read(org)
    assert "1–30 Nov 2026" in page
    assert "60,000.5 calls, 50,000 included" in page
    assert copy("usage_charges.ours") in page
    steps = rows_of(page)
    assert [step[:2] for step in steps[:3]] == [
        ["Used", "60,000.5"], ["Included in the allowance", "\N{MINUS SIGN}50,000"], ["Charged for", "10,000.5"],
    ]  # fmt: skip
    assert steps[3][0] == "At the unit price"
    [line] = [row for row in csv.DictReader(io.StringIO(org.browser().get(f"{USAGE}/usage-charges.csv").text))
              if row["meter"] == "api_calls"]  # fmt: skip
    assert f"${line['amount']}" in page
    assert (line["quantity"], line["included"], line["above_allowance"]) == ("60000.5", "50000", "10000.5")


def test_a_line_names_its_invoice_and_links_to_it(paid: Scenario) -> None:
    org = paid.org()
    invoice = bills(org, closes(org, month(10), Used("60000")))
    page = read(org)
    assert f'href="https://invoice.stripe.com/i/{invoice.id}"' in page
    assert f"Invoice TK-{invoice.stripe_invoice_id}" in page
    assert "Paid." in page
    assert "$100.00" in page


@pytest.mark.parametrize(
    ("status", "facts", "words"),
    [("open", {}, "Not paid yet."), ("void", {}, "Void."), ("uncollectible", {}, "Marked as uncollectible."),
     ("paid", {"amount_due": 0, "amount_paid": 0}, "Settled from your balance.")],
)  # fmt: skip
def test_it_says_what_became_of_the_invoice(paid: Scenario, status: str, facts: dict[str, Any], words: str) -> None:
    org = paid.org()
    bills(org, closes(org, month(10), Used("60000")), status=status, **facts)
    assert f"</a>. {words}" in read(org)


def test_where_a_line_is_on_no_issued_invoice_the_page_says_why(paid: Scenario) -> None:
    org = paid.org()
    closes(org, month(5), Used("50030"))
    closes(org, month(6), Used("60000"), billed=False)
    bills(org, closes(org, month(7), Used("60000")), kind="offline", status=None)
    bills(org, closes(org, month(8), Used("60000")), status="draft")
    page = read(org)
    for sentence in ("waiting", "unbilled", "ours", "draft"):
        assert copy(f"usage_charges.{sentence}") in page, sentence
    assert "https://invoice" not in page


NOTHING = {
    "within": Used("482"),
    "within_rated_nothing": Used("482", None),
    "not_collected": Used("51000", None, reason="not_collected", sources=(("charge", "not_collected"),)),
    "warned": Used("51000", None, policy="warn"),
    "not_in_plan": Used("51000", None, allowance=None, policy="warn"),
    "too_small": Used("50001", ("per_unit", {"unit_amount": "0.001"})),
    "price_is_zero": Used("50001", ("per_unit", {"unit_amount": "0"})),
    "unused": Used("0", None),
    "imported_only": Used("0", None, imported="30"),
}


@pytest.mark.parametrize("case", NOTHING)
def test_what_costs_nothing_says_why(paid: Scenario, case: str) -> None:
    org = paid.org()
    closes(org, month(10), NOTHING[case])
    page = read(org)
    assert f"No charge. {copy(f'usage_charges.{case}')}" in page
    assert copy("usage_charges.nothing_charged") in page


TIERS = [{"up_to": 1000, "unit_amount": "0.01"}, {"up_to": 5000, "unit_amount": "0.0075", "flat_amount": "2"},
         {"unit_amount": "0.005"}]  # fmt: skip
CHARGES = {
    "flat": ("flat", {"amount": "49"}),
    "per_unit": ("per_unit", {"unit_amount": "0.15", "per": 1000}),
    "graduated": ("graduated", {"tiers": TIERS}),
    "volume": ("volume", {"tiers": TIERS}),
    "package": ("package", {"size": 100, "price": "5", "free_units": 50}),
    "stairstep": ("stairstep", {"tiers": [{"up_to": 100, "flat_amount": "10"}, {"flat_amount": "40"}]}),
    "percentage": ("percentage", {"rate": "2.95", "fixed_fee": "0.30"}),
    "graduated_percentage": ("graduated_percentage", {"tiers": [{"up_to": 500, "rate": "3"}, {"rate": "2.5"}]}),
    "divided": ("per_unit", {"unit_amount": "0.25", "divide_by": 1024, "round": "up"}),
    "minimum": ("per_unit", {"unit_amount": "0.0001", "minimum": "25.00"}),
    "maximum": ("per_unit", {"unit_amount": "0.5", "maximum": "100.00"}),
    "many tiers": ("graduated", {"tiers": [
        *({"up_to": 100 * (n + 1), "unit_amount": f"0.{999 - n}"} for n in range(99)), {"unit_amount": "0.0123456789"},
    ]}),
}  # fmt: skip


@pytest.mark.parametrize("name", CHARGES)
def test_the_amounts_of_the_steps_add_up_to_the_amount(paid: Scenario, name: str) -> None:
    org = paid.org()
    [line] = closes(org, month(10), Used("13123.25", CHARGES[name], allowance="1000"))
    steps = rows_of(read(org))
    words, total = steps[-1][0], cents(steps[-1][3])
    assert total == Decimal(line.amount) / 100
    parts = [step for step in steps[:-1] if step[3] and step[0] != "Exact amount"]
    exact = sum((cents(step[3]) for step in parts), Decimal(0))
    assert exact == line.exact_amount / 100
    assert words == ("Amount" if exact == total else "Rounded amount")
    bounds = {"minimum": copy("usage_charges.raised"), "maximum": copy("usage_charges.lowered")}
    assert name not in bounds or parts[-1][0] == bounds[name]
    assert ["Divided by 1,024 and rounded up", "12", "", ""] in steps or name != "divided"


def test_prices_are_shown_as_they_were_written(paid: Scenario) -> None:
    org = paid.org()
    closes(org, month(10), Used("9000", CHARGES["graduated"], allowance="0"),
           Used("2123.5", CHARGES["package"], allowance="0", meter="documents"))  # fmt: skip
    steps = rows_of(read(org))
    assert ["Above 1,000, up to 5,000", "4,000", "$0.0075 each + $2.00 flat", "$32.00"] in steps
    assert ["Above 5,000", "4,000", "$0.005 each", "$20.00"] in steps
    assert ["Up to 50", "50", "No charge", "$0.00"] in steps
    assert ["Above 50", "2,073.5", "21 blocks of 100 at $5.00", "$105.00"] in steps


def test_the_terms_and_what_was_counted_are_named(paid: Scenario) -> None:
    org = paid.org().on("pro")
    closes(org, month(10), Used("80000", cap="90000", imported="120", sources=(("allowance", "override"),)))
    page = read(org)
    for words in ("Pro, version 1", "Events counted", "120 calls. Imported usage", "50,000 calls, agreed for your",
                  "90,000 calls"):  # fmt: skip
        assert words in page


def test_a_discount_is_a_line_of_the_explanation(paid: Scenario) -> None:
    """$100.00 less 20 %: page and file say $80.00, and what it was before."""
    org = paid.org()
    bills(org, closes(org, month(10), Used("60000")), percent_off=20)
    page = read(org)
    assert rows_of(page)[-3:] == [
        ["Amount", "", "", "$100.00"], ["Discount, 20 %", "", "", "\N{MINUS SIGN}$20.00"],
        ["After the discount", "", "", "$80.00"],
    ]  # fmt: skip
    assert copy("usage_charges.discount", rate="20 %") in page
    assert "$100.00 before the discount on your plan." in page
    [line] = csv.DictReader(io.StringIO(org.browser().get(f"{USAGE}/usage-charges.csv").text))
    assert (line["amount"], line["discount"], line["net_amount"]) == ("100.00", "20.00", "80.00")


def test_a_page_of_one_invoice_is_reached_from_the_history(paid: Scenario) -> None:
    from tests.scenario.mirrors import record

    org = paid.org()
    closes(org, month(9), Used("50030"))
    lines = closes(org, month(10), Used("60000"), Used("3", meter="documents"))
    invoice = bills(org, lines)
    record(org, invoice_id=invoice.stripe_invoice_id)
    assert f'href="/billing/invoices/{invoice.id}"' in read(org, "/billing")
    page = read(org, f"{USAGE}?invoice={invoice.id}")
    assert f"invoice TK-{invoice.stripe_invoice_id}" in page
    assert "1–31 Oct 2026" in page
    assert "Sep 2026" not in page
    assert "documents" not in page
    file = org.browser().get(f"{USAGE}/usage-charges.csv?invoice={invoice.id}").text
    assert [row["amount"] for row in csv.DictReader(io.StringIO(file))] == ["100.00"]


@pytest.mark.parametrize("named", ["nope", "00000000-0000-7000-8000-00000000dead", "\x00"])
def test_an_unknown_invoice_is_not_found(paid: Scenario, named: str) -> None:
    org, stranger = paid.org(), paid.org()
    invoice = bills(org, closes(org, month(10), Used("60000")))
    for path in (USAGE, f"{USAGE}/usage-charges.csv"):
        assert org.browser().get(path, query_string={"invoice": named}).status_code == 404
        assert stranger.browser().get(f"{path}?invoice={invoice.id}").status_code == 404


def test_another_org_sees_nothing_of_it(paid: Scenario) -> None:
    org, stranger = paid.org(), paid.org()
    closes(org, month(10), Used("60000"))
    assert copy("usage_charges.none_yet") in read(stranger)
    assert len(stranger.browser().get(f"{USAGE}/usage-charges.csv").text.splitlines()) == 1


def test_periods_come_by_page_newest_first_and_all_are_in_the_file(paid: Scenario) -> None:
    org = paid.org()
    for number in range(1, 11):
        closes(org, month(number), Used(str(50_000 + number)))
    first = read(org)
    assert first.index("1–31 Oct 2026") < first.index("1–30 Sep 2026")
    assert first.count('class="charge ') == 6
    following = re.search(r'href="([^"]+)" rel="next"', first)
    assert following is not None
    second = read(org, following[1])
    assert second.count('class="charge ') == 4
    assert 'rel="next"' not in second
    rows = list(csv.DictReader(io.StringIO(org.browser().get(f"{USAGE}/usage-charges.csv").text)))
    assert [row["amount"] for row in rows] == [f"{number / 100:.2f}" for number in range(10, 0, -1)]


def test_a_cursor_that_is_not_ours_is_refused(paid: Scenario) -> None:
    for cursor in ("zzz", "WyJhIl0", "WyIyMDI2LTExLTAxIl0"):
        assert paid.org().browser().get(f"{USAGE}?next={cursor}").status_code == 400


def test_days_are_those_of_the_org(paid: Scenario) -> None:
    org = paid.org(zone="Pacific/Auckland")
    closes(org, type(month(1))(utc("2026-09-30 11:00"), utc("2026-10-31 11:00")), Used("60000"))
    page = read(org)
    assert "1–31 Oct 2026" in page
    assert "Days are in Pacific/Auckland." in page


@pytest.mark.parametrize("role", ["owner", "viewer"])
def test_the_page_asks_the_database_little(paid: Scenario, role: str) -> None:
    org = paid.org()
    for number in range(4, 11):
        bills(org, closes(org, month(number), Used("60000"), Used("9", meter="documents"), Used("9", meter="tokens")))
    browser = org.browser(role)
    with paid.statements() as asked:
        text_of(browser.get(USAGE))
    assert len(asked) <= 6, asked
