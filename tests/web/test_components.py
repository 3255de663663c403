"""What the macros write: the same in words as in the drawing, and nothing that a text could break out of."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import render_template_string
from markupsafe import Markup

from app.portal.docs.style_guide import build_specimens
from tests.web.stage import VISITOR, page, stage

RESET = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
METER = """{% from "components/meter.html" import meter_bar %}
{{ meter_bar("calls", name, "calls", used, limit, percent, resets_at=at, zone="Europe/Berlin", state=state) }}"""


def meter(**facts: Any) -> str:
    given = {"name": "API calls", "used": Decimal(8200), "limit": Decimal(10000), "percent": 82, "state": "near"}
    with stage().test_request_context("/"):
        return render_template_string(METER, at=RESET, **{**given, **facts})


def test_a_bar_says_in_words_what_it_draws() -> None:
    html = meter()
    assert 'aria-label="API calls: 8,200 of 10,000 used, 82 percent, resets 1 December 2026"' in html
    assert 'id="bar-calls" width="82%"' in html
    assert "Near the limit" in html


def test_a_bar_over_its_allowance_is_full_striped_and_says_how_far() -> None:
    html = meter(used=Decimal(11200), percent=112, state="over")
    assert 'width="100%" height="10" rx="5" fill="url(#stripes-calls)"' in html
    assert "112\u00a0%" in html
    assert 'value="100"' in html


def test_a_meter_without_limit_has_no_bar() -> None:
    html = meter(limit=None, percent=0, state="unlimited")
    assert "<svg" not in html
    assert "no limit" in html


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '" onmouseover="x'])
def test_a_name_from_outside_stays_text(hostile: str) -> None:
    html = meter(name=hostile)
    assert "<script" not in html
    assert '" onmouseover' not in html


def test_the_style_guide_shows_every_component_file() -> None:
    html = page("docs/style.html", who=VISITOR, **build_specimens())
    for mark in ("class=\"meter", "class=\"prompt", "class=\"badge", "class=\"stats", "class=\"table", "class=\"pager",
                 "class=\"tabs", "class=\"crumbs", "class=\"period", "class=\"chart", "class=\"empty", "class=\"code",
                 "class=\"error-summary", "class=\"details"):  # fmt: skip
        assert mark in html


def test_ids_of_the_style_guide_are_unique() -> None:
    ids = re.findall(r'\sid="([^"]+)"', page("docs/style.html", who=VISITOR, **build_specimens()))
    assert len(ids) == len(set(ids))


def test_a_wrong_field_names_its_error_and_the_summary_links_to_it() -> None:
    html = page("docs/style.html", who=VISITOR, **build_specimens())
    assert 'aria-describedby="wrong-email-hint wrong-email-error" aria-invalid="true"' in html
    assert '<a href="#wrong-email">' in html


def test_rows_become_cards_by_labels_equal_to_their_columns() -> None:
    rows = Markup("{% from 'components/table.html' import data_table %}{{ data_table('T', columns, rows) }}")
    with stage().test_request_context("/"):
        html = render_template_string(
            rows, columns=[{"label": "Key"}, {"label": "Used", "align": "end"}], rows=[("a", 1)]
        )
    assert '<th scope="row" data-label="Key">a</th><td data-label="Used" class="num">1</td>' in html


@pytest.mark.parametrize("status", [404, 500, 503])
def test_an_error_page_needs_neither_person_nor_database(status: int) -> None:
    html = page("errors/error.html", who=None, status=status, title="Not found", detail="Nothing here.",
                advice="Check the address.", code="not_found", facts={})  # fmt: skip
    for words in (f"Error {status}", "Nothing here.", "Check the address.", "0199c2f0a7b14f2e"):
        assert words in html


def test_every_page_has_one_h1_a_title_a_skip_link_and_a_status_region() -> None:
    html = page("docs/style.html", **build_specimens())
    assert html.count("<h1") == 1
    assert "<title>Style guide – Tollkeeper</title>" in html
    assert '<a class="skip" href="#main">' in html
    assert 'role="status"' in html
