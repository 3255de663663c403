"""Staff's usage: page, files and API say what the events come to, which the test adds up itself, reading no roll-up."""

from __future__ import annotations

import csv
import io
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.factories import unique, utc
from tests.pages import text_of
from tests.scenario import Org, Scenario

PAGE, CALL = "/admin/analytics/usage", "/api/v1/admin/usage/analytics"
USERS = f"{PAGE}/organisations"
DAYS = "from=2026-11-05&to=2026-11-14"
FIRST, LAST = date(2026, 11, 5), date(2026, 11, 14)
BEFORE = FIRST - timedelta(days=10)


def read(browser: FlaskClient, query: str = "", page: str = PAGE) -> str:
    return text_of(browser.get(f"{page}?{query}")).replace("<wbr>", "")


def lines(browser: FlaskClient, name: str, query: str) -> list[dict[str, str]]:
    answer = browser.get(f"{PAGE}/{name}.csv?{query}")
    assert answer.content_type == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(text_of(answer))))


def told(scenario: Scenario, query: str, status: int = 200) -> Any:
    answer = scenario.client.get(f"{CALL}?{query}", headers=scenario.api("admin:read"))
    assert answer.status_code == status, answer.text
    return answer.json


def rows(page: str, caption: str) -> dict[str, list[str]]:
    """A table of the page: the cells of each row by its first."""
    table = re.search(rf"<caption[^>]*>{re.escape(caption)}</caption>.*?</table>", page, re.DOTALL)
    assert table is not None, caption
    found = {}
    for row in re.findall(r"<tr>(.*?)</tr>", table[0], re.DOTALL):
        cells = [
            " ".join(re.sub(r"<[^>]+>", " ", cell).split())
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        found[cells[0]] = cells[1:]
    return found


def number(cell: str) -> Decimal:
    return Decimal(cell.replace(",", ""))


@dataclass
class Sent:
    """An event as the test sent it; `signs` has -1, too, once it is voided."""

    org: Org
    name: str
    at: datetime
    quantity: int
    facts: dict[str, Any]
    plan: str
    signs: list[int] = field(default_factory=lambda: [1])


@dataclass
class Ledger:
    """What was sent, and sums of it by plain arithmetic."""

    scenario: Scenario
    meter: str
    orgs: list[tuple[Org, str]]
    sent: list[Sent] = field(default_factory=list)

    def send(self, chance: random.Random, count: int) -> None:
        for _ in range(count):
            org, plan = chance.choice(self.orgs)
            at = utc("2026-10-26 00:00") + timedelta(seconds=chance.randrange(20 * 86_400))
            facts = {
                name: chance.choice(values)
                for name, values in (
                    ("kind", ("scan", "parse", None)), ("provider", ("p1", "p2", None)),
                    ("endpoint", ("/a", "/b", None)), ("status_code", (200, 404, 503, None)),
                    ("response_ms", (7, 70, 700, None)), ("file_bytes", (900, 3_000_000, None)),
                    ("user", ("ada", "bob", None)),
                )
            }  # fmt: skip
            given = {name: value for name, value in facts.items() if value is not None}
            event = Sent(org, unique("event"), at, chance.randrange(1, 50), facts, plan)
            org.uses(event.quantity, meter=self.meter, at=f"{at:%Y-%m-%d %H:%M:%S}", event=event.name, **given)
            self.sent.append(event)

    def void(self, event: Sent) -> None:
        headers = self.scenario.api("usage:correct") | {"Tollkeeper-Organization": str(event.org.id)}
        body = {"id": event.name, "reason": "Sent twice"}
        assert self.scenario.client.post("/api/v1/usage/voids", json=body, headers=headers).status_code == 200
        event.signs.append(-1)

    def sum(self, key: Callable[[Sent], Any], first: date = FIRST, last: date = LAST) -> dict[Any, tuple[int, int]]:
        """Quantity and number of events by what `key` says."""
        found: dict[Any, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for each in self.sent:
            if first <= each.at.date() <= last:
                quantity, events = found[key(each)]
                found[key(each)] = quantity + sum(each.signs) * each.quantity, events + len(each.signs)
        return dict(found)


@pytest.fixture
def ledger(scenario: Scenario) -> Ledger:
    """Usage of two plans by three organisations: folded, then late events and voids folded, then more not folded."""
    chance, meter = random.Random(7), unique("metered").replace("-", "_")
    plans = [scenario.plan(meter=meter, policy="warn") for _ in range(2)]
    orgs = [
        (scenario.org(zone=zone).on(plan), plan.key)
        for zone, plan in (("UTC", plans[0]), ("Asia/Kolkata", plans[0]), ("America/New_York", plans[1]))
    ]
    made = Ledger(scenario, meter, orgs)
    made.send(chance, 60)
    scenario.fold()
    made.send(chance, 15)
    for event in chance.sample(made.sent, 8):
        made.void(event)
    scenario.fold()
    made.send(chance, 10)
    made.void(made.sent[0] if made.sent[0].signs == [1] else made.sent[-1])
    return made


def figures(found: Iterable[dict[str, Any]]) -> dict[Any, tuple[int, int]]:
    """Values and what is not given, as the API or a file has them."""
    return {
        each["group"]: (int(each["quantity"]), each["events"])
        for each in found
        if each["part"] in {"value", "not_given"}
    }


@pytest.mark.parametrize("by", ["plan", "kind", "provider"])
def test_page_file_and_api_are_what_the_events_come_to(ledger: Ledger, by: str) -> None:
    scenario, query = ledger.scenario, f"meter={ledger.meter}&{DAYS}"
    expected = ledger.sum(lambda event: event.plan if by == "plan" else event.facts[by])
    before = ledger.sum(lambda _: "all", BEFORE, FIRST - timedelta(days=1))["all"]
    total, events = (sum(each[place] for each in expected.values()) for place in (0, 1))
    answer = told(scenario, f"{query}&group_by={by}")
    assert figures(answer["figures"]) == expected
    [whole] = [each for each in answer["figures"] if each["part"] == "total"]
    assert (int(whole["quantity"]), whole["events"]) == (total, events)
    assert [int(each["quantity"]) for each in answer["before"] if each["part"] == "total"] == [before[0]]
    daily = ledger.sum(lambda event: (event.at.date(), event.plan if by == "plan" else event.facts[by]))
    by_day = told(scenario, f"{query}&group_by={by}&span=day")["figures"]
    parts = [each for each in by_day if each["part"] in {"value", "not_given"}]
    assert {(date.fromisoformat(each["start"]), each["group"]): (int(each["quantity"]), each["events"])
            for each in parts} == daily  # fmt: skip
    staff = scenario.staff()
    filed = [row for row in lines(staff, "parts", f"{query}&by={by}") if row["range"] == "asked"]
    assert {
        (date.fromisoformat(row["start"]), row["value"] or None): (int(row["quantity"]), int(row["events"]))
        for row in filed if row["part"] != "total"
    } == daily  # fmt: skip
    page = read(staff, f"{query}&by={by}")
    shown = rows(page, f"Units by {by}")
    named = {None: f"No {by}"}
    for value, (quantity, count) in expected.items():
        assert (number(shown[named.get(value, value)][0]), int(shown[named.get(value, value)][2])) == (quantity, count)
    assert (number(shown["All"][0]), int(shown["All"][2]), number(shown["All"][3])) == (total, events, before[0])
    chart = rows(page, "Units by day")
    for day in (FIRST, LAST):
        assert number(chart[f"{day.day} {day:%b}"][-2]) == sum(
            quantity for (at, _), (quantity, _) in daily.items() if at == day
        )


def test_hours_and_endpoints_are_what_the_events_come_to(ledger: Ledger) -> None:
    scenario, staff, query = ledger.scenario, ledger.scenario.staff(), f"meter={ledger.meter}&{DAYS}"
    hours = ledger.sum(lambda event: (event.at.isoweekday(), f"{event.at.hour:02}"))
    told_hours = told(scenario, f"{query}&group_by=hour")["figures"]
    assert {(each["weekday"], each["group"]): (int(each["quantity"]), each["events"]) for each in told_hours} == hours
    filed = lines(staff, "hours", query)
    assert {(int(row["weekday"]), row["hour"]): (int(row["quantity"]), int(row["events"])) for row in filed} == hours
    page = read(staff, query)
    heat = rows(page, "Units by weekday and hour")
    for number_of, name in enumerate(("Monday", "Tuesday", "Wednesday"), start=1):
        for hour in range(24):
            assert (heat[name][hour] if heat[name][hour] != "–" else "0") == str(
                max(hours.get((number_of, f"{hour:02}"), (0, 0))[0], 0)
            )
    answers: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
    for each in ledger.sent:
        if FIRST <= each.at.date() <= LAST and each.facts["status_code"]:
            kind = {200: 0, 404: 1, 503: 2}[each.facts["status_code"]]
            answers[each.facts["endpoint"]][kind] += sum(each.signs)
    endpoints = ledger.sum(lambda event: event.facts["endpoint"])
    answer = told(scenario, f"{query}&group_by=endpoint")["figures"]
    assert figures(answer) == endpoints
    filed_by = {row["endpoint"] or None: row for row in lines(staff, "endpoints", query) if row["part"] != "total"}
    shown = rows(page, "Endpoints")
    for each in answer:
        if each["part"] not in {"value", "not_given"}:
            continue
        good, client, server = answers[each["group"]]
        said, row = each["responses"], filed_by[each["group"]]
        assert (said["events"], said["client_errors"], said["server_errors"]) == (
            good + client + server,
            client,
            server,
        )
        assert (row["error_rate"], row["p95_ms"]) == (said["error_rate"], str(each["latency"]["p95_ms"]))
        assert f"{client} client, {server} server" in shown[each["group"] or "No endpoint"][4]
    sizes = {row["up_to_bytes"]: int(row["events"]) for row in lines(staff, "file-sizes", query)}
    files = [each for each in ledger.sent if FIRST <= each.at.date() <= LAST and each.facts["file_bytes"]]
    assert sizes == {
        up_to: sum(sum(each.signs) for each in files if each.facts["file_bytes"] == size)
        for up_to, size in (("1000", 900), ("5000000", 3_000_000))
    }


def test_percentiles_are_those_of_the_events(ledger: Ledger) -> None:
    """At least that share took no longer, in the sorted times of the test's own events."""
    answer = told(ledger.scenario, f"meter={ledger.meter}&{DAYS}&group_by=endpoint")["figures"]
    times = sorted(
        each.facts["response_ms"] for each in ledger.sent
        if sum(each.signs) and FIRST <= each.at.date() <= LAST and each.facts["response_ms"]
    )  # fmt: skip
    [whole] = [each for each in answer if each["part"] == "total"]
    bound = {7: 8, 70: 80, 700: 800}
    assert whole["latency"]["events"] == len(times)
    for percent in (50, 95):
        assert whole["latency"][f"p{percent}_ms"] == bound[times[-(-len(times) * percent // 100) - 1]]


def test_a_plan_alone_is_shown_by_its_versions(ledger: Ledger) -> None:
    scenario, plan = ledger.scenario, ledger.orgs[0][1]
    query = f"meter={ledger.meter}&{DAYS}&plan={plan}"
    quantity, events = ledger.sum(lambda event: event.plan)[plan]
    answer = told(scenario, query)
    [whole] = [each for each in answer["figures"] if each["part"] == "total"]
    assert (int(whole["quantity"]), whole["events"]) == (quantity, events)
    assert answer["active_users"] is None
    page = read(scenario.staff(), query)
    assert number(rows(page, "Units by version")[f"{plan}, version 1"][0]) == quantity
    assert f"Plan: {plan}" in page
    assert "kept of all plans together" in page
    assert 'id="hours"' not in page
    assert lines(scenario.staff(), "hours", query) == []


def test_who_was_active_is_counted_from_the_events(scenario: Scenario) -> None:
    """In the days of a range that no other test uses: organisations are counted whatever meter they use."""
    meter = unique("metered").replace("-", "_")
    plan = scenario.plan(meter=meter, policy="warn")
    one, other = scenario.org().on(plan), scenario.org().on(plan)
    query = "from=2026-02-03&to=2026-02-05"
    before = told(scenario, query)
    for org, at, user in ((one, "02-03", "ada"), (one, "02-03", "bob"), (one, "02-05", "ada"), (other, "02-05", "ada")):
        org.uses(1, meter=meter, at=f"2026-{at} 09:00", user=user)
    scenario.fold()
    after = told(scenario, query)
    assert (after["active_orgs"] - before["active_orgs"], after["active_users"] - before["active_users"]) == (2, 3)
    assert before["active"] == []
    assert after["active"] == [
        {"start": "2026-02-03", "orgs": 1, "users": 2}, {"start": "2026-02-05", "orgs": 2, "users": 2},
    ]  # fmt: skip
    page = rows(read(scenario.staff(), f"{query}&meter={meter}", USERS), "Active organisations and users")
    assert (page["3 Feb"], page["4 Feb"], page["5 Feb"]) == (
        ["1", "2"], ["0", "0"], ["2", "2"],
    )  # fmt: skip
    assert told(scenario, f"{query}&active=false")["active_orgs"] is None
    filed = lines(scenario.staff(), "active", query)
    assert [(row["start"], row["orgs"], row["users"]) for row in filed] == [
        ("2026-02-03", "1", "2"), ("2026-02-05", "2", "2"),
    ]  # fmt: skip
    months = told(scenario, "from=2026-01-15&to=2026-04-15")["active"]
    assert [each for each in months if each["start"] == "2026-02-01"] == [
        {"start": "2026-02-01", "orgs": 2, "users": 3}
    ]
    ranked = lines(scenario.staff(), "organisations", f"{query}&meter={meter}")
    assert [(row["org_id"], row["quantity"]) for row in ranked] == [(str(one.id), "3"), (str(other.id), "1")]


@pytest.mark.parametrize(("days", "heads"), [("7d", "Day"), ("90d", "Week from"), ("12m", "Month")])
def test_many_days_are_drawn_by_week_and_month(ledger: Ledger, days: str, heads: str) -> None:
    page = read(ledger.scenario.staff(), f"meter={ledger.meter}&days={days}")
    assert f'<th scope="col">{heads}</th>' in page


def test_every_figure_opens_to_its_definition(ledger: Ledger) -> None:
    staff, query = ledger.scenario.staff(), f"meter={ledger.meter}&{DAYS}"
    for path, said in (
        (PAGE, ("Everything that counts in these days", "divided by the days", "a status from 400 on", "never below")),
        (USERS, ("divided by the organisations", "Organisations with any usage", "Users named by the events")),
    ):
        page = read(staff, query, path)
        assert all(words in page for words in said)


@pytest.mark.parametrize("aggregation", ["max", "count"])
def test_maxima_are_not_added_up(scenario: Scenario, aggregation: str) -> None:
    meter = unique("metered").replace("-", "_")
    plan = scenario.plan(meter=meter, policy="warn", aggregation=aggregation)
    org = scenario.org().on(plan)
    for quantity, kind in ((4, "scan"), (9, "parse")):
        org.uses(quantity, meter=meter, at="2026-11-10 09:00", kind=kind)
    page = read(scenario.staff(), f"meter={meter}&{DAYS}&by=kind")
    shown = rows(page, "Units by kind")
    wanted = {"max": ["9", "–"], "count": ["2", "100 %"]}[aggregation]
    assert [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in shown["All"][:2]] == wanted
    assert ("may overlap" in page) is (aggregation == "max")


def test_the_smallest_values_are_put_together(scenario: Scenario) -> None:
    meter = unique("metered").replace("-", "_")
    org = scenario.org().on(scenario.plan(meter=meter, policy="warn"))
    for place in range(13):
        org.uses(100 - place, meter=meter, at="2026-11-10 09:00", kind=f"kind-{place:02}")
    shown = rows(read(scenario.staff(), f"meter={meter}&{DAYS}&by=kind"), "Units by kind")
    assert shown["3 others"][0] == str(90 + 89 + 88)
    assert list(shown)[1:3] == ["kind-00", "kind-01"]


def test_top_organisations_are_those_of_the_days_shown(scenario: Scenario) -> None:
    name = unique("Lately")
    scenario.org(name=name).uses(90_000_000, at="2026-11-20 12:00")
    scenario.fold()
    staff = scenario.staff()
    assert name in rows(read(staff, "meter=api_calls&from=2026-11-19&to=2026-11-20", USERS), "Top organisations")
    assert name not in read(staff, "meter=api_calls&from=2026-11-01&to=2026-11-19", USERS)


@pytest.mark.parametrize("query", ["from=x&to=y", "from=2026-11-21&to=2026-01-01", "days=none", "from=1900-01-01",
                                   "from=0001-01-01&to=0001-01-05", "plan=Nope!", "plan=nope", "by=moon"])  # fmt: skip
def test_an_address_that_makes_no_sense_still_shows_the_page(scenario: Scenario, query: str) -> None:
    read(scenario.staff(), query)
    read(scenario.staff(), query, USERS)
    lines(scenario.staff(), "parts", query)


@pytest.mark.parametrize(
    "path", [f"{PAGE}?meter=nope", f"{PAGE}/moon.csv", f"{USERS}?meter=nope", f"{PAGE}/parts.csv?meter=nope"]
)
def test_what_there_is_not_is_not_found(scenario: Scenario, path: str) -> None:
    assert scenario.staff().get(path).status_code == 404


@pytest.mark.parametrize("path", [PAGE, USERS, f"{PAGE}/parts.csv"])
def test_nobody_else_sees_it(scenario: Scenario, path: str) -> None:
    assert scenario.org().browser().get(path).status_code == 404
    assert scenario.app.test_client().get(path).status_code == 303


@pytest.mark.parametrize(
    "query",
    ["group_by=hour", "group_by=endpoint", "group_by=kind&span=day", "meter=api_calls&group_by=hour&span=day",
     "plan=pro&group_by=endpoint&meter=api_calls", "plan=pro&group_by=provider"],
)  # fmt: skip
def test_what_is_not_kept_is_refused(scenario: Scenario, query: str) -> None:
    assert told(scenario, query, 400)["code"] == "invalid_request"


@pytest.mark.parametrize(("path", "budget"), [(PAGE, 4), (USERS, 5)])
def test_the_pages_ask_the_database_little(ledger: Ledger, path: str, budget: int) -> None:
    staff = ledger.scenario.staff()
    with ledger.scenario.statements() as asked:
        read(staff, f"meter={ledger.meter}&{DAYS}&by=kind", path)
    assert len(asked) <= budget, asked
