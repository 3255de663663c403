"""The design system and the customer's pages in every state, theme and width: nothing to complain about or cut off."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import pytest
from flask import Flask, request
from playwright.sync_api import Browser, expect
from werkzeug.serving import make_server

from app.portal.docs.style_guide import build_specimens as components
from tests.browser.checkers import AXE
from tests.browser.chrome import watch
from tests.browser.visits import judged_by_axe, too_wide
from tests.node import need
from tests.portal import billing_specimens, outlook_specimens, specimens
from tests.support.changes import changed_files, leans_on, own_files
from tests.support.sampling import LOOKS, Look, Page, pick
from tests.web.stage import OWNER, VISITOR, page, stage

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'"
)

PAGES: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "style": ("docs/style.html", VISITOR, components()),
    **{f"dashboard-{kind}": ("dashboard/dashboard.html", OWNER, {"view": specimens.dashboard(kind)})
       for kind in ("ok", "near", "full", "empty", "hard")},
    **{f"outlook-{kind}": ("dashboard/dashboard.html", OWNER, {"view": outlook_specimens.dashboard(kind)})
       for kind in outlook_specimens.USAGES},
    "plans": ("plans/plans.html", OWNER, {"view": specimens.plans()}),
    "plans-visitor": ("plans/plans.html", VISITOR, {"view": specimens.plans(signed_in=False)}),
    "usage": ("usage/usage.html", OWNER, {"view": specimens.usage()}),
    "usage-empty": ("usage/usage.html", OWNER, {"view": specimens.usage(empty=True)}),
    **{name: (template, OWNER, {"view": view}) for name, (template, view) in billing_specimens.PAGES.items()},
    "error": ("errors/error.html", None, {"status": 404, "title": "Not found", "detail": "Nothing is here.",
                                          "advice": "Check the address.", "code": "not_found", "facts": {}}),
}  # fmt: skip


PICKS = pick(
    {name: Page(path, own_files(path), path, leans_on(path)) for name, path in
     ((name, f"templates/{template}") for name, (template, _, _) in PAGES.items())},
    changed_files(),
)  # fmt: skip


def show(name: str) -> str:
    template, who, context = PAGES[name]
    return page(template, who=who, **context)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server of the pages of `PAGES`, under the content policy of the product."""
    app: Flask = stage.__wrapped__()  # one of its own, for its routes
    app.add_url_rule("/shown/<name>", "shown", show)
    app.before_request(lambda: None if request.endpoint in {"static", "shown"} else ("", 204))  # asked for by pages
    app.after_request(lambda answer: (answer.headers.__setitem__("Content-Security-Policy", POLICY), answer)[1])
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def findings(chromium: Browser, address: str) -> Callable[[str, Sequence[Look]], dict[str, list[str]]]:
    """What there is to say against a page, by judge."""
    need(AXE)

    def judge(name: str, looks: Sequence[Look]) -> dict[str, list[str]]:
        theme, width = looks[0]
        shown = chromium.new_page(viewport={"width": width, "height": 720}, color_scheme=theme)  # type: ignore[arg-type]
        watched = watch(shown)
        shown.goto(f"{address}/shown/{name}")
        found = {
            "axe": judged_by_axe(shown, looks),
            "too wide": too_wide(shown),
            "console and content policy": watched.findings,
        }
        shown.close()
        return {judge: said for judge, said in found.items() if said}

    return judge


@pytest.mark.parametrize(("name", "looks"), [(name, each.looks) for name, each in PICKS.items()], ids=list(PICKS))
def test_a_specimen_that_was_picked_has_no_finding(findings: Any, name: str, looks: Sequence[Look]) -> None:
    assert findings(name, looks) == {}


@pytest.mark.long
@pytest.mark.parametrize("name", PAGES)
def test_no_specimen_has_a_finding_in_any_theme_or_width(findings: Any, name: str) -> None:
    assert findings(name, LOOKS) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    "names", [pytest.param(PICKS, id="picked"), pytest.param(PAGES, id="all", marks=pytest.mark.long)]
)
def test_markup_is_valid(markup: Callable[[str], list[str]], names: Collection[str]) -> None:
    assert {name: found for name in names if (found := markup(show(name)))} == {}


STATES = ["ok", "near", "full"]


@pytest.mark.parametrize("state", STATES)
def test_the_first_screen_of_a_phone_holds_state_cost_and_three_bars(
    chromium: Browser, address: str, state: str
) -> None:
    shown = chromium.new_page(viewport={"width": 375, "height": 667})
    shown.goto(f"{address}/shown/dashboard-{state}")
    ends = shown.evaluate(
        "[...document.querySelectorAll('.meter .bar')].map(each => each.getBoundingClientRect().bottom)"
    )
    shown.close()
    assert ends[2] <= 667


@pytest.mark.parametrize("state", STATES)
def test_the_first_screen_of_a_desk_holds_every_bar(chromium: Browser, address: str, state: str) -> None:
    shown = chromium.new_page(viewport={"width": 1280, "height": 720})
    shown.goto(f"{address}/shown/dashboard-{state}")
    ends = shown.evaluate("[...document.querySelectorAll('.meter')].map(each => each.getBoundingClientRect().bottom)")
    shown.close()
    assert max(ends) <= 720


def test_a_figure_is_not_broken_on_a_phone(chromium: Browser, address: str) -> None:
    shown = chromium.new_page(viewport={"width": 375, "height": 667})
    shown.goto(f"{address}/shown/usage")
    lines = shown.evaluate("""() => [...document.querySelectorAll('.stat-value')].map(each => {
        each.textContent = '2,664,874,835.25'
        const range = document.createRange()
        range.selectNodeContents(each)
        const [box, stat] = [range.getBoundingClientRect(), each.closest('.stat').getBoundingClientRect()]
        return [range.getClientRects().length, box.right <= stat.right]
    })""")
    too_wide_by_it = too_wide(shown)
    shown.close()
    assert lines
    assert all(each == [1, True] for each in lines)
    assert too_wide_by_it == []


def test_a_word_of_a_narrow_column_is_not_broken(chromium: Browser, address: str) -> None:
    shown = chromium.new_page(viewport={"width": 1280, "height": 720})
    shown.goto(f"{address}/shown/usage")
    lines = shown.evaluate("""() => {
        const box = document.querySelector('.table-wrap')
        box.style.inlineSize = '30rem'
        box.innerHTML = `<table class="table is-dense"><tbody><tr>
            <th scope="row" class="whole">Subscriptions</th><td>${'long words '.repeat(40)}</td>
            <td>${'long words '.repeat(40)}</td><td>${'long words '.repeat(40)}</td></tr></tbody></table>`
        const range = document.createRange()
        range.selectNodeContents(box.querySelector('th'))
        return range.getClientRects().length
    }""")
    shown.close()
    assert lines == 1


def test_on_paper_a_page_names_its_organisation(chromium: Browser, address: str) -> None:
    shown = chromium.new_page()
    for name in ("usage", "billing-filtered"):
        shown.goto(f"{address}/shown/{name}")
        head = shown.locator(".print-only")
        expect(head).to_be_hidden()
        shown.emulate_media(media="print")
        expect(head).to_be_visible()
        expect(head).to_contain_text(OWNER.org_name)
        expect(shown.locator(".side")).to_be_hidden()
        shown.emulate_media(media="screen")
    shown.close()


def test_every_stop_of_the_tab_key_is_seen(chromium: Browser, address: str) -> None:
    shown = chromium.new_page(viewport={"width": 1280, "height": 720})
    shown.goto(f"{address}/shown/dashboard-near")
    bare = []
    for _ in range(25):
        shown.keyboard.press("Tab")
        width = shown.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
        if shown.evaluate("document.activeElement !== document.body") and width < 2:
            bare.append(shown.evaluate("document.activeElement.outerHTML.slice(0, 120)"))
    shown.close()
    assert bare == []


def test_copying_says_that_it_copied(chromium: Browser, address: str) -> None:
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    shown = context.new_page()
    shown.goto(f"{address}/shown/style")
    shown.locator("[data-copy=copy-key]").click()
    shown.get_by_text("Copied").wait_for()
    assert shown.evaluate("navigator.clipboard.readText()") == "tk_live_Zk3yQ9s0example"
    context.close()


def test_without_scripts_no_copy_button_pretends(chromium: Browser, address: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    shown = context.new_page()
    shown.goto(f"{address}/shown/style")
    expect(shown.locator("[data-copy]:visible")).to_have_count(0)
    context.close()


def test_a_form_with_errors_puts_the_focus_on_what_is_wrong(chromium: Browser, address: str) -> None:
    shown = chromium.new_page()
    shown.goto(f"{address}/shown/style")
    expect(shown.locator(".error-summary")).to_be_focused()
    shown.close()
