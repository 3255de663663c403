"""`flask doctor` and `flask clock`."""

from __future__ import annotations

import fcntl
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click
import pytest
from sqlalchemy import text, update

from app.kit.clock import Clocks, OffsetClock, SystemClock
from app.ops.cli import clock, doctor, parse_span
from app.ops.doctor import run_checks
from app.payments.models import StripeSubscription
from tests.scenario import Scenario
from tests.scenario.mirrors import payer
from tests.today import WRITTEN, start_at


def test_the_doctor_fails_an_installation_that_could_lose_events_and_finds_the_rest_sound(scenario: Scenario) -> None:
    """The test cluster does not wait for its disk; `tests/sandbox/test_run.py` asks the doctor where all is sound."""
    done = scenario.app.test_cli_runner().invoke(doctor, ["--json"])
    found = {each["name"]: each for each in json.loads(done.output)}
    assert {"version", "migrations", "durability", "queue", "catalogue", "default plan"} <= found.keys()
    assert [each["name"] for each in found.values() if each["status"] == "failed"] == ["durability"]
    assert found["durability"]["detail"] == "fsync, full_page_writes off"
    assert done.exit_code == 1, done.output


def test_the_doctor_says_how_to_mend_each_part(scenario: Scenario) -> None:
    done = scenario.app.test_cli_runner().invoke(doctor, [])
    assert "SMTP_HOST" in done.output
    assert "Set METRICS_TOKEN." not in done.output


def test_a_database_that_is_away_fails_and_hides_nothing_else(scenario: Scenario) -> None:
    settings = replace(
        scenario.app.extensions["tollkeeper"].settings, database_url="postgresql://nobody@127.0.0.1:1/none", smtp_port=1
    )
    found = {each.name: each.status for each in run_checks(settings)}
    assert (found["database"], found["mail"], found["settings"]) == ("failed", "warning", "ok")


def test_a_scheduler_that_has_fallen_silent_is_no_fine_installation(scenario: Scenario) -> None:
    """On the doctor's list and on the staff's page."""
    production = replace(scenario.app.extensions["tollkeeper"].settings, sandbox=False)
    wall, staff = scenario.app.extensions["tollkeeper"].clocks.wall, scenario.staff()

    def heard(now: str, worker_ago: int, scheduler_ago: int) -> None:
        for statement in (
            "DELETE FROM procrastinate_periodic_defers",
            "DELETE FROM procrastinate_workers",
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES ({now} - {worker} * interval '1 s')",
            (
                "INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp) VALUES"
                " ('x', 'x', extract(epoch FROM {now} - {scheduler} * interval '1 s')::bigint)"
            ),
        ):
            told = statement.format(now=now, worker=worker_ago, scheduler=scheduler_ago)
            scenario.session.execute(text(told))
        scenario.session.commit()

    def told(worker_ago: int, scheduler_ago: int) -> tuple[str, str]:
        """What both say of a worker and a scheduler that were heard of so many seconds ago."""
        heard("clock_timestamp()", worker_ago, scheduler_ago)
        finding = {each.name: each for each in run_checks(production)}["scheduler"]
        heard(f"'{wall.now().isoformat()}'::timestamptz", worker_ago, scheduler_ago)
        state = re.search(r"Scheduler.*?(Fine|Needs attention)", staff.get("/admin").text, re.DOTALL)
        return finding.status, state[1] if state else "nothing"

    assert told(3, 9) == ("ok", "Fine")
    assert told(3, 200) == ("failed", "Needs attention")
    assert told(200, 3) == ("failed", "Needs attention")


def test_payments_that_are_off_are_no_fault(scenario: Scenario) -> None:
    found = {each.name: each for each in run_checks(scenario.app.extensions["tollkeeper"].settings)}
    assert (found["payments"].status, found["stripe prices"].status) == ("ok", "ok")
    assert "stripe" not in found


def test_the_doctor_asks_stripe_and_counts_the_prices_it_lacks(scenario: Scenario) -> None:
    settings = replace(
        scenario.app.extensions["tollkeeper"].settings, stripe_secret_key="sk_test_doctor",
        stripe_api_base="http://127.0.0.1:9", stripe_webhook_secrets=("whsec_doctor_doctor",),
    )  # fmt: skip
    found = {each.name: each for each in run_checks(settings)}
    assert found["stripe"].status == "failed"
    assert found["stripe prices"].fix == "Run: flask catalog push"
    assert found["payments"].detail == "test key at http://127.0.0.1:9, 1 webhook secret(s)"
    assert not [each for each in found.values() if "sk_test" in each.detail or "whsec" in each.detail]
    live = {each.name: each for each in run_checks(replace(settings, sandbox=False))}
    assert live["payments"].status == "warning"


def test_the_doctor_names_subscriptions_whose_price_matches_no_plan(scenario: Scenario) -> None:
    org = payer(scenario)
    settings = scenario.app.extensions["tollkeeper"].settings
    before = {each.name: each for each in run_checks(settings)}["stripe subscriptions"]
    mirrors = update(StripeSubscription).where(StripeSubscription.org_id == org.id)
    org.session.execute(mirrors.values(price_id="price_hand"))
    scenario.session.commit()
    found = {each.name: each for each in run_checks(settings)}["stripe subscriptions"]
    assert (before.status, found.status) == ("ok", "warning")
    assert "(price_hand)" in found.detail
    org.session.execute(mirrors.values(ended_at=org.now))
    scenario.session.commit()
    assert {each.name: each for each in run_checks(settings)}["stripe subscriptions"].status == "ok"


def test_a_superuser_is_no_web_role_in_production(scenario: Scenario) -> None:
    settings = scenario.app.extensions["tollkeeper"].settings
    found = {
        each.name: each
        for each in run_checks(replace(settings, sandbox=False, database_url=settings.owner_database_url))
    }
    assert (found["privileges"].status, found["privileges"].detail) == ("failed", "postgres is a superuser")
    assert found["mail"].status == "failed"


def test_the_doctor_warns_of_a_production_that_stands_behind_no_proxy(scenario: Scenario) -> None:
    settings = scenario.app.extensions["tollkeeper"].settings
    production = replace(settings, sandbox=False)
    found = {each.name: each for each in run_checks(production)}
    assert found["proxy"].status == "warning"
    assert "TRUSTED_PROXIES=1" in found["proxy"].fix
    for sound in (settings, replace(production, trusted_proxies=1)):
        assert "proxy" not in {each.name for each in run_checks(sound)}


def test_the_clock_moves_forward_in_the_sandbox(scenario: Scenario, tmp_path: Path) -> None:
    held = scenario.app.extensions["tollkeeper"]
    moved = OffsetClock(tmp_path / "clock")
    start_at(moved.path, WRITTEN)
    scenario.app.extensions["tollkeeper"] = replace(held, clocks=Clocks(business=moved, wall=SystemClock()))
    try:
        done = scenario.app.test_cli_runner().invoke(clock, ["advance", "3d"])
        assert done.exit_code == 0, done.output
        assert timedelta(days=3) <= moved.now() - WRITTEN < timedelta(days=3, seconds=30)
        with moved.path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            second = scenario.app.test_cli_runner().invoke(clock, ["advance", "3d"])
        assert (second.exit_code, "moving already" in second.output) == (1, True)
        assert "business" in scenario.app.test_cli_runner().invoke(clock, ["show"]).output
    finally:
        scenario.app.extensions["tollkeeper"] = held


def test_a_clock_that_is_not_the_sandboxs_does_not_move(scenario: Scenario) -> None:
    done = scenario.app.test_cli_runner().invoke(clock, ["advance", "3d"])
    assert done.exit_code == 1
    assert "Only a sandbox" in done.output


@pytest.mark.parametrize(
    ("words", "span"),
    [("90s", 90), ("2m", 120), ("1h", 3600), ("3d", 259_200), ("1w", 604_800), ("63000000s", 63_000_000)],
)
def test_spans_are_a_number_and_a_unit(words: str, span: int) -> None:
    assert parse_span(words) == timedelta(seconds=span)


@pytest.mark.parametrize("words", ["", "3", "d", "-1d", "1.5h", "3 d", "3y", "100000d"])
def test_other_spans_are_refused(words: str) -> None:
    with pytest.raises(click.BadParameter):
        parse_span(words)
