"""`make test` looks at what changed and at one page of each kind; nothing that a change can break is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import PROJECT
from tests.browser.pages import PAGES
from tests.browser.sampled import TEMPLATE_OF, TEMPLATES
from tests.support.changes import leans_on, own_files, renderers
from tests.support.sampling import LOOKS, MANY, MOST, Page, Pick, left_out, pick, told
from tests.support.slow import MOST as MOST_SLOW
from tests.support.slow import Slow, choose

KEYS = "templates/accounts/keys/keys.html"
SHELL = frozenset({"templates/base.html", "templates/layouts/app.html"})


def page(kind: str, template: str, *own: str) -> Page:
    return Page(kind, frozenset({template, *own}), template, SHELL)


TABLE = {
    "keys": page("app, customer, 200", KEYS, "app/keys.py"),
    "keys-empty": page("app, customer, 200", KEYS, "app/keys.py"),
    "usage": page("app, customer, 200", "templates/usage.html", "app/usage.py"),
    "usage-wrong": page("app, customer, 422", "templates/usage.html", "app/usage.py"),
    "checkout": page("sandbox, Stripe, 200", "sandbox/checkout.html"),
}


def test_without_a_change_the_first_of_each_kind_is_looked_at_in_one_look_each() -> None:
    picked = pick(TABLE, [])
    assert list(picked) == ["keys", "usage-wrong", "checkout"]
    assert [len(each.looks) for each in picked.values()] == [1, 1, 1]
    assert len({each.looks for each in picked.values()}) == 3
    assert picked == pick(TABLE, [])


@pytest.mark.parametrize("changed", [KEYS, "app/keys.py"])
def test_a_change_of_a_page_is_looked_at_in_all_its_states_and_looks(changed: str) -> None:
    picked = pick(TABLE, [changed])
    assert picked["keys"] == picked["keys-empty"] == Pick(LOOKS, f"{changed} changed")
    assert "usage" not in picked


@pytest.mark.parametrize("changed", ["templates/base.html", "static/css/tollkeeper.css", "static/js/app.js"])
def test_a_change_that_pages_share_is_looked_at_once_on_every_template(changed: str) -> None:
    picked = pick(TABLE, [changed])
    assert {TABLE[name].template for name in picked} == {each.template for each in TABLE.values()}
    assert picked["usage"] == Pick(picked["usage"].looks, f"{changed} changed")
    assert len(picked["usage"].looks) == 1


def test_a_change_of_style_that_only_the_sandbox_loads_leaves_the_portal_alone() -> None:
    assert list(pick(TABLE, ["sandbox/style.css"])) == list(pick(TABLE, []))


def test_a_file_that_many_templates_render_with_counts_as_shared() -> None:
    table = {str(n): page("one kind", f"templates/{n}.html", "app/common.py") for n in range(5)}
    assert [len(each.looks) for each in pick(table, ["app/common.py"]).values()] == [1] * 5


def test_when_many_pages_changed_each_is_looked_at_once() -> None:
    table = {str(n): page("one kind", KEYS) for n in range(MANY + 1)}
    assert [len(each.looks) for each in pick(table, [KEYS]).values()] == [1] * (MANY + 1)
    assert left_out(table, [KEYS]) == []


def test_when_too_many_pages_changed_some_from_all_over_the_table_are_looked_at_and_the_others_named() -> None:
    table = {str(n): page("one kind", f"templates/{n % 20}.html", "app/usage.py") for n in range(60)}
    changed = ["templates/base.html", *(f"templates/{n}.html" for n in range(10))]
    picked, left = pick(table, changed), left_out(table, changed)
    assert len(picked) == 1 + MOST
    assert not picked.keys() & set(left)
    assert len(picked.keys() | left) == 3 * 10 + 10  # three pages of each changed template, one of each other
    assert [int(name) // 20 for name in picked] == [0] * 5 + [1] * 4 + [2] * 4
    assert f"changed and left to make test-long, for there are too many: {'; '.join(left)}" in "\n".join(
        told(table, picked, left, "Pages")
    )


def test_what_was_picked_is_told_with_its_reason() -> None:
    lines = told(TABLE, pick(TABLE, [KEYS]), [], "Pages")
    assert lines[0] == "Pages: 4 of 5 looked at; the others are make test-long's"
    assert lines[1] == f"  {KEYS} changed: keys; keys-empty"
    assert lines[2].startswith("  first of its kind: usage-wrong ")


def test_every_page_of_the_table_has_its_template_and_every_template_a_page() -> None:
    assert TEMPLATE_OF.keys() == PAGES.keys()
    assert sum(len(names.split()) for names in TEMPLATES.values()) == len(PAGES)
    rooms = ("accounts", "admin", "billing", "dashboard", "docs", "errors", "find", "invoices", "plans", "proof",
             "statement", "usage")  # fmt: skip
    files = {
        str(each.relative_to(PROJECT)) for room in rooms for each in (PROJECT / "templates" / room).rglob("*.html")
    }
    whole = {each for each in files if not Path(each).name.startswith("_")}
    by_mail, bare = "templates/accounts/sign_in/choose_password.html", "templates/admin/empty.html"  # not in the demo
    assert whole - {by_mail, bare} == {each for each in TEMPLATES if each.startswith("templates/")}


def test_a_template_leans_on_layouts_and_components_at_any_depth_also_by_a_choice() -> None:
    assert {
        "templates/accounts/settings/_settings.html",
        "templates/layouts/app.html",
        "templates/base.html",
    } <= leans_on(KEYS)
    assert {"templates/layouts/app.html", "templates/layouts/public.html"} <= leans_on("templates/plans/plans.html")
    assert "sandbox/templates/base.html" in leans_on("sandbox/standin/pages/templates/secure.html")


def test_a_page_is_changed_by_who_renders_it_and_by_what_that_imports_beside_it() -> None:
    assert "app/portal/usage/views.py" in renderers("templates/usage/usage.html")
    assert "app/portal/usage/view.py" in own_files("templates/usage/usage.html")


PRICES = "tests/catalog/prices/test_prices.py"
LIMITS = "tests/metering/test_limits.py"


def slow(file: str, tests: int) -> list[Slow]:
    return [Slow(f"{file}::{number}", file) for number in range(tests)]


def test_of_slow_tests_one_in_eight_of_each_file_runs() -> None:
    chosen = choose([*slow(PRICES, 9), *slow(LIMITS, 1)], [])
    assert chosen == {f"{PRICES}::0", f"{PRICES}::8", f"{LIMITS}::0"}


@pytest.mark.parametrize("changed", [PRICES, "app/catalog/prices/money.py"])
def test_slow_tests_of_what_changed_all_run(changed: str) -> None:
    chosen = choose([*slow(PRICES, 9), *slow(LIMITS, 9)], [changed])
    assert chosen == {each.name for each in slow(PRICES, 9)} | {f"{LIMITS}::0", f"{LIMITS}::8"}


def test_of_a_large_change_only_so_many_slow_tests_run_besides_the_sample() -> None:
    tests = slow(PRICES, 400)
    chosen = choose(tests, [PRICES])
    assert len(chosen) == 50 + MOST_SLOW
    assert chosen > choose(tests, [])
