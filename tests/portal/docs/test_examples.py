"""Published examples are the tests (1-mission, item 15): the pages show the files that the tests run, computed anew."""

from __future__ import annotations

import html
import re

import pytest

from app.billing_runs.examples.cases import read_late_cases
from app.portal.docs.examples import build_subjects
from app.rating.examples.cases import read_cases
from app.rating.schemas import MODELS
from app.statements.wording import format_amount
from tests.scenario import Scenario

SUBJECTS = build_subjects()
RATING = read_cases()


def test_each_model_and_late_usage_has_its_page(scenario: Scenario) -> None:
    page = scenario.client.get("/docs/examples").text
    assert list(SUBJECTS) == [*(model.replace("_", "-") for model in MODELS), "late-usage"]
    for key, subject in SUBJECTS.items():
        assert f'href="/docs/examples/{key}"' in page
        assert f"<h1>{subject.title}</h1>" in scenario.client.get(f"/docs/examples/{key}").text
    assert scenario.client.get("/docs/examples/nope").status_code == 404
    assert 'href="/docs/examples"' in scenario.client.get("/docs").text


@pytest.mark.parametrize("model", MODELS)
def test_every_case_of_the_file_is_shown_with_its_figure(scenario: Scenario, model: str) -> None:
    key = model.replace("_", "-")
    shown = [case.amount for group in SUBJECTS[key].groups for case in group.cases]
    assert shown == [format_amount(c.amount, c.charge.currency) for c in RATING if c.charge.model == model]
    page = html.unescape(scenario.client.get(f"/docs/examples/{key}").text)
    assert re.findall(r'class="charge-amount">([^<]*)<', page) == shown
    assert all(case.source[0] in page for case in RATING if case.source and case.charge.model == model)


def test_every_line_of_late_usage_is_shown_with_its_figure(scenario: Scenario) -> None:
    page = html.unescape(scenario.client.get("/docs/examples/late-usage").text)
    expected = [format_amount(close.amount, "USD") for case in read_late_cases() for close in case.closes]
    assert re.findall(r'class="charge-amount">([^<]*)<', page) == expected
    assert "The whole period, rounded" in page


def test_the_examples_ask_the_database_nothing(scenario: Scenario) -> None:
    for path in ("/docs/examples", "/docs/examples/graduated", "/docs/examples/late-usage"):
        with scenario.statements() as asked:
            assert scenario.client.get(path).status_code == 200
        assert asked == []
