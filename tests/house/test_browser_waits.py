"""Browser tests wait for what they assert: a page that loads must not be judged by the moment."""

from __future__ import annotations

import ast

import pytest

from app.settings import PROJECT

MOMENTARY = {
    "is_visible", "is_hidden", "is_enabled", "is_disabled", "is_editable", "is_checked", "count", "all", "content",
    "title", "all_text_contents", "all_inner_texts", "query_selector", "query_selector_all", "element_handles",
}  # fmt: skip
"""What Playwright answers at once, whatever the page is about to show."""
WAITING = {"until", "wait_for_function"}
"""What asks again until the answer is yes."""
VALUES = {"text_content", "inner_text", "inner_html", "input_value", "get_attribute"}
"""Waits for the element but not for its value: may be read, not asserted."""


def momentary(source: str) -> list[str]:
    """The lines that judge a page by the moment, each with what it asks."""
    tree = ast.parse(source)
    forgiven = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name(node.func) in WAITING
        for inner in ast.walk(node)
    }
    asserted = {inner for node in ast.walk(tree) if isinstance(node, ast.Assert) for inner in ast.walk(node)}
    found = set()
    for node in ast.walk(tree):
        if node in forgiven:
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            asked = node.func.attr
            if asked == "count" and node.args:
                continue  # a list's own
            if asked in MOMENTARY or (asked in VALUES and node in asserted):
                found.add((node.lineno, asked))
        if isinstance(node, ast.Attribute) and node.attr == "url" and node in asserted:
            found.add((node.lineno, "url"))
    return [f"{line} {asked}" for line, asked in sorted(found)]


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def test_no_browser_test_judges_a_page_by_the_moment() -> None:
    files = sorted((PROJECT / "tests" / "browser").glob("*.py"))
    found = {path.name: momentary(path.read_text(encoding="utf-8")) for path in files}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("assert page.get_by_text('Hello').is_visible()", ["1 is_visible"]),
        ("assert page.locator('li').count() == 3", ["1 count"]),
        ("shown = page.locator('li').count()", ["1 count"]),
        ("assert page.url == there", ["1 url"]),
        ("assert page.locator('h1').text_content() == 'Hello'", ["1 text_content"]),
        ("assert page.locator('a').get_attribute('href') == '/'", ["1 get_attribute"]),
        ("link = page.locator('a').get_attribute('href')", []),
        ("until(lambda: page.locator('li').count() == 3, 'three')", []),
        ("expect(page.locator('li')).to_have_count(3)", []),
    ],
)
def test_the_rule_sees(line: str, asked: list[str]) -> None:
    assert momentary(line) == asked
