"""The customer's pages in their states, rendered from view models alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.portal import specimens
from tests.support.copy import copy
from tests.web.stage import VISITOR, page

STATES = ["ok", "near", "full", "empty"]


@pytest.mark.parametrize("state", STATES)
def test_the_bars_are_a_block_of_the_dashboard(state: str) -> None:
    view = specimens.dashboard(state)
    whole = page("dashboard/dashboard.html", view=view)
    part = page("dashboard/dashboard.html", block="bars", view=view)
    assert part.strip() in whole
    assert part.strip().startswith('<div id="bars"')


@pytest.mark.parametrize("kind", ["many", "one", "erased", "filtered", "too-many", "none"])
def test_the_usage_table_is_a_block_of_the_usage_page(kind: str) -> None:
    view = specimens.usage(kind)
    part = page("usage/usage.html", block="usage_table", view=view)
    assert part.strip() in page("usage/usage.html", view=view)


@pytest.mark.parametrize("state", STATES)
def test_the_dashboard_says_one_sentence_and_draws_each_meter(state: str) -> None:
    view = specimens.dashboard(state)
    html = page("dashboard/dashboard.html", view=view)
    assert html.count(view.state_sentence) == 1
    for bar in view.meters:
        assert f'id="meter-{bar.key}"' in html
        assert bar.policy is None or bar.policy in html


def test_the_bars_refresh_by_a_link_that_works_without_scripts() -> None:
    html = page("dashboard/dashboard.html", view=specimens.dashboard())
    assert '<a id="bars-refresh" href="/dashboard" hx-get="/dashboard" hx-target="#bars"' in html
    assert "every 30s" in html


def test_a_waiting_checklist_looks_more_often_and_shows_a_line_to_copy() -> None:
    html = page("dashboard/dashboard.html", view=specimens.dashboard("empty"))
    assert "every 3s" in html
    assert 'id="step-2"' in html
    assert copy("state.waiting") in html


@pytest.mark.parametrize("kind", ["near", "full"])
def test_a_prompt_offers_what_its_button_says(kind: str) -> None:
    view = specimens.dashboard(kind)
    html = page("dashboard/dashboard.html", view=view)
    assert f'class="prompt is-{kind}"' in html
    for each in view.prompts:
        assert each.action_label
        assert f"<span>{each.action_label}</span></a>" in html


def test_plans_are_compared_in_a_real_table_with_the_current_one_marked() -> None:
    view = specimens.plans()
    html = page("plans/plans.html", view=view)
    assert html.count("<h1") == 1
    assert html.count('scope="rowgroup"') == len(view.groups)
    assert "Your plan" in html
    assert "$0.05 each" in html
    assert 'aria-current="true">Monthly</a>' in html


def test_a_visitor_sees_plans_without_the_pages_of_members() -> None:
    html = page("plans/plans.html", who=VISITOR, view=specimens.plans(signed_in=False))
    assert "Your plan" not in html
    assert 'href="/sign-in"' in html
    assert 'aria-label="Main"' in html


def test_no_plans_is_said_rather_than_an_empty_table() -> None:
    view = specimens.plans()
    html = page("plans/plans.html", view=type(view)(**{**view.__dict__, "plans": []}))
    assert copy("plans.none") in html


def test_usage_shows_the_same_total_as_its_rows() -> None:
    view = specimens.usage()
    assert sum(row.quantity or 0 for row in view.breakdown) == view.total
    assert sum(row[-2] for row in view.chart.table if isinstance(row[-2], Decimal)) == view.total
    assert f"{view.total:,}" in page("usage/usage.html", view=view)


def test_the_start_page_shows_live_components() -> None:
    html = page("dashboard/home.html", who=VISITOR, bars=specimens.dashboard("near").meters[:2], curl="curl …")
    assert html.count('class="meter is-') == 2
    assert 'href="/sign-up"' in html
