"""The charts and tables of /usage: stacked columns, hours by weekday, endpoints, files, team; all sum to the total."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest

from tests.portal.usage.test_usage_page import read, rows, table_of
from tests.scenario import Org, Scenario

DAYS = "from=2026-11-02&to=2026-11-21"
GROUPS = ("kind", "provider", "endpoint", "user", "client", "key", "language", "format", "status", "attempt", "hour")


def cells(table: str) -> list[list[str]]:
    """The texts of a table's rows, head and foot included."""
    found = [re.findall(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in re.findall(r"<tr>.*?</tr>", table)]
    return [[unescape(re.sub(r"<[^>]+>", "", cell)) for cell in row] for row in found]


def number(words: str) -> Decimal:
    return Decimal(0 if words in {"", "–"} else words.replace(",", ""))


@pytest.fixture
def org(scenario: Scenario) -> Org:
    """Two weeks of use by seven kinds, two users and nobody, with answers and files."""
    made = scenario.org().on("pro")
    for i in range(7):
        made.uses(70 - i, at=f"2026-11-{i + 9:02} 10:00", kind=f"kind {i}", endpoint="/v1/scan", user="maya",
                  status_code=200, response_ms=40, file_bytes=30_000)  # fmt: skip
    made.uses(5, at="2026-11-09 10:30", endpoint="/v1/scan", status_code=500, response_ms=900, user="tom")
    made.uses(4, at="2026-11-16 23:30", provider="atlas", language="en", format="srt")
    made.uses(11, at="2026-10-15 10:00", kind="kind 0")
    return made.uses(9, meter="tokens", user="tom")


@pytest.mark.parametrize("folded", [False, True])
def test_columns_are_the_largest_values_the_others_and_what_names_none(
    scenario: Scenario, org: Org, folded: bool
) -> None:
    if folded:
        scenario.fold()
    table = cells(table_of(read(org.browser(), f"/usage?{DAYS}"), "API calls by day"))
    head = ["Day", *(f"kind {i}" for i in range(5)), "2 others", "No kind", "Total", "Before, 13 Oct – 1 Nov 2026"]
    assert table[0] == head
    by_day = {row[0]: row[1:] for row in table[1:]}
    assert by_day["9 Nov"] == ["70", "0", "0", "0", "0", "0", "5", "75", "0"]
    assert by_day["14 Nov"][5:8] == ["65", "0", "65"]
    assert by_day["4 Nov"][-1] == "11"  # 15 October, twenty days before
    for row in table[1:]:
        assert sum(map(number, row[1:8])) == number(row[8])
    assert sum(number(row[8]) for row in table[1:]) == 478


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("by", GROUPS)
def test_parts_are_the_same_on_page_file_and_api_and_sum_to_the_total(
    scenario: Scenario, org: Org, folded: bool, by: str
) -> None:
    if folded:
        scenario.fold()
    page = read(org.browser(), f"/usage?{DAYS}&by={by}&span=month")
    caption = "By API key" if by == "key" else "By hour of day" if by == "hour" else f"By {by}"
    shown = sorted((number(row[3]), int(number(row[2]))) for row in cells(table_of(page, caption))[1:])
    assert sum(amount for amount, _ in shown) == 478
    filed: dict[str, list[Decimal]] = {}
    for row in rows(org.browser(), f"/usage.csv?{DAYS}&by={by}")[1:]:
        part = filed.setdefault(row[4], [Decimal(0), Decimal(0)])
        part[0], part[1] = part[0] + Decimal(row[5]), part[1] + int(row[6])
    told: dict[Any, list[Decimal]] = {}
    address = f"/usage/analytics?{DAYS}&group_by={by}&meter=api_calls"
    for each in org.reads(address)["rows"]:
        part = told.setdefault(each["value"], [Decimal(0), Decimal(0)])
        part[0], part[1] = part[0] + Decimal(each["quantity"]), part[1] + each["events"]
    assert sorted(map(tuple, filed.values())) == shown == sorted(map(tuple, told.values()))


def test_only_dimensions_with_values_are_offered(org: Org) -> None:
    page = read(org.browser(), f"/usage?{DAYS}")
    offered = page.partition('aria-label="Break down by"')[2].partition("</nav>")[0]
    names = re.findall(r">([^<>]+)</a>", offered)
    assert names == ["Kind", "Provider", "Endpoint", "User", "Language", "Format", "Status", "Hour of day", "Meter"]


@pytest.mark.parametrize("folded", [False, True])
def test_hours_by_weekday_sum_to_the_total(scenario: Scenario, org: Org, folded: bool) -> None:
    if folded:
        scenario.fold()
    table = cells(table_of(read(org.browser(), f"/usage?{DAYS}"), "By weekday and hour"))
    assert [row[0] for row in table[1:]] == [
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Total",
    ]  # fmt: skip
    assert table[1][11] == "75"  # Monday 10:00
    assert table[1][24] == "4"  # Monday 23:00
    assert sum(number(row[-1]) for row in table[1:-1]) == number(table[-1][-1]) == 478


@pytest.mark.parametrize("folded", [False, True])
def test_endpoints_say_times_and_errors(scenario: Scenario, org: Org, folded: bool) -> None:
    if folded:
        scenario.fold()
    table = cells(table_of(read(org.browser(), f"/usage?{DAYS}"), "Endpoints"))
    assert table[1] == ["/v1/scan", "8", "474", "50 ms", "1.2 s", "12.5 % 0 client, 1 server"]
    assert table[2] == ["No endpoint", "1", "4", "–", "–", "–"]


def test_files_are_counted_by_size(org: Org) -> None:
    page = read(org.browser(), f"/usage?{DAYS}")
    assert "7 files: half of them up to 100 kB, 95 in 100 up to 100 kB." in page
    assert [cell.replace("\u00a0", " ") for cell in cells(table_of(page, "Files by size"))[1]] == ["to 100 kB", "7"]


@pytest.mark.parametrize("folded", [False, True])
def test_the_team_is_who_used_what_of_each_meter(scenario: Scenario, org: Org, folded: bool) -> None:
    if folded:
        scenario.fold()
    table = cells(table_of(read(org.browser(), f"/usage?{DAYS}"), "Team"))
    assert table[0] == ["User", "API calls (calls)", "Tokens (tokens)"]
    assert table[1:] == [["maya", "469", "–"], ["tom", "5", "9"], ["No user", "4", "–"], ["Total", "478", "9"]]


def test_beyond_twenty_users_share_a_row(scenario: Scenario) -> None:
    org = scenario.org().on("pro")
    for number_ in range(23):
        org.uses(2, user=f"u{number_:02}")
    table = cells(table_of(read(org.browser(), f"/usage?{DAYS}"), "Team"))
    assert table[-2:] == [["3 others", "6"], ["Total", "46"]]
    assert len(table) == 1 + 20 + 2


def test_sections_without_data_and_of_filtered_pages_are_not_there(scenario: Scenario, org: Org) -> None:
    bare = read(scenario.org().uses(3).browser(), f"/usage?{DAYS}")
    assert ">By weekday and hour</caption>" in bare
    for caption in ("Endpoints", "Files by size", "Team"):
        assert f">{caption}</caption>" not in bare
    filtered = read(org.browser(), f"/usage?{DAYS}&kind=kind+0&by=kind")
    assert "remove the filters" in filtered
    assert ">By weekday and hour</caption>" not in filtered


def test_a_day_limit_is_a_line_and_a_months_cap_one_by_month(scenario: Scenario) -> None:
    org = scenario.org().with_period().uses(400)
    page = read(org.browser(), f"/usage?{DAYS}")
    assert "Limit 500 a day</text>" in page
    assert "Limit 1,000 a month</text>" in read(org.browser(), f"/usage?{DAYS}&span=month")
    assert "</text>" not in read(org.browser(), f"/usage?{DAYS}&kind=x").partition("chart-limit")[2]
    low = scenario.org().with_period().uses(3)
    assert "Limit 500 a day: far above these columns" in read(low.browser(), f"/usage?{DAYS}")


def test_a_column_opens_its_days(org: Org) -> None:
    page = read(org.browser(), f"/usage?{DAYS}")
    table = table_of(page, "API calls by day")
    assert 'href="/usage?from=2026-11-09&to=2026-11-09&meter=' not in table  # the first meter needs no name
    assert 'href="/usage?from=2026-11-09&to=2026-11-09&by=kind&span=hour">9 Nov</a>' in table
    assert ">8 Nov</a>" not in table
    assert 'tabindex="-1"><rect class="chart-hover"' in page


def test_more_than_a_quarter_by_day_is_not_divided(org: Org) -> None:
    page = read(org.browser(), "/usage?from=2026-07-01&to=2026-11-21&span=day")
    assert cells(table_of(page, "API calls by day"))[0][:2] == ["Day", "calls"]


@pytest.mark.parametrize("folded", [False, True])
def test_few_days_are_shown_by_hour_and_sum_to_the_total(scenario: Scenario, org: Org, folded: bool) -> None:
    if folded:
        scenario.fold()
    page = read(org.browser(), "/usage?from=2026-11-14&to=2026-11-16&span=hour")
    table = cells(table_of(page, "API calls by hour"))
    assert table[0] == ["Hour", "calls"]
    assert len(table) == 1 + 3 * 24
    assert [row for row in table[1:] if row[1] != "0"] == [
        ["14 Nov, 10:00", "65"], ["15 Nov, 10:00", "64"], ["16 Nov, 23:00", "4"],
    ]  # fmt: skip
    assert '<span class="stat-value">133</span>' in page


@pytest.mark.parametrize("query", [DAYS, "from=2026-11-14&to=2026-11-14&kind=scan"])
def test_hours_are_offered_for_few_days_without_filters(org: Org, query: str) -> None:
    page = read(org.browser(), f"/usage?{query}&span=hour")
    offered = page.partition('aria-label="Show by"')[2].partition("</nav>")[0]
    assert re.findall(r">([^<>]+)</a>", offered) in ([], ["Day", "Month"])
    assert "by hour</caption>" not in page


def test_an_hours_limit_is_its_line(scenario: Scenario) -> None:
    plan = scenario.plan(per_hour=40, allowance=1000)
    org = scenario.org().on(plan).uses(30, meter="units_sum")
    page = read(org.browser(), "/usage?from=2026-11-10&to=2026-11-10&span=hour&meter=units_sum")
    assert "Limit 40 an hour</text>" in page
