"""The design system and the customer's pages in every state, theme and width: nothing to complain about or cut off."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from playwright.sync_api import Browser
from werkzeug.serving import make_server

from app.portal.style_guide import specimens as components
from tests.browser.checkers import AXE, HTML_VALIDATE, axe, html_validate, need
from tests.browser.chrome import watch
from tests.browser.visits import THEMES, too_wide
from tests.portal import billing_specimens, specimens
from tests.web.stage import OWNER, VISITOR, page, stage

pytestmark = pytest.mark.browser

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'"
)

PAGES: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "style": ("docs/style.html", VISITOR, components()),
    **{f"dashboard-{kind}": ("portal/dashboard.html", OWNER, {"view": specimens.dashboard(kind)})
       for kind in ("ok", "near", "full", "empty", "hard")},
    "plans": ("portal/plans.html", OWNER, {"view": specimens.plans()}),
    "plans-visitor": ("portal/plans.html", VISITOR, {"view": specimens.plans(signed_in=False)}),
    "usage": ("portal/usage.html", OWNER, {"view": specimens.usage()}),
    "usage-empty": ("portal/usage.html", OWNER, {"view": specimens.usage(empty=True)}),
    **{name: (template, OWNER, {"view": view}) for name, (template, view) in billing_specimens.PAGES.items()},
    "error": ("errors/error.html", None, {"status": 404, "title": "Not found", "detail": "Nothing is here.",
                                          "advice": "Check the address.", "code": "not_found", "facts": {}}),
}  # fmt: skip


class Themed:
    """A caller who chose a theme."""

    def __init__(self, who: Any, theme: str) -> None:
        self._who, self.theme = who, theme

    def __getattr__(self, name: str) -> Any:
        return getattr(self._who, name)


def show(name: str, theme: str = "system") -> str:
    template, who, context = PAGES[name]
    return page(template, who=who and Themed(who, theme), **context)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server of the pages of `PAGES`, under the content policy of the product."""
    app: Flask = stage.__wrapped__()  # one of its own, for its routes
    app.add_url_rule("/shown/<name>", "shown", lambda name: show(name, request.args.get("theme", "system")))
    app.before_request(lambda: None if request.endpoint in {"static", "shown"} else ("", 204))  # asked for by pages
    app.after_request(lambda answer: (answer.headers.__setitem__("Content-Security-Policy", POLICY), answer)[1])
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_to_complain_about(chromium: Browser, address: str, name: str, theme: str) -> None:
    need(AXE)
    shown = chromium.new_page(viewport={"width": 375, "height": 720})
    watched = watch(shown)
    shown.goto(f"{address}/shown/{name}?theme={theme}")
    findings = axe(shown)
    shown.set_viewport_size({"width": 1280, "height": 720})
    findings += axe(shown)
    shown.close()
    assert (findings, watched.findings) == ([], [])


@pytest.mark.parametrize("name", PAGES)
def test_no_width_needs_scrolling_sideways(chromium: Browser, address: str, name: str) -> None:
    shown = chromium.new_page()
    shown.goto(f"{address}/shown/{name}")
    found = too_wide(shown)
    shown.close()
    assert found == []


def test_markup_is_valid(tmp_path: Path) -> None:
    need(HTML_VALIDATE)
    for name in PAGES:
        (tmp_path / f"{name}.html").write_text(show(name), encoding="utf-8")
    assert {name: found for name, found in html_validate(tmp_path).items() if found} == {}


def test_the_first_screen_of_a_phone_holds_state_cost_and_three_bars(chromium: Browser, address: str) -> None:
    shown = chromium.new_page(viewport={"width": 375, "height": 667})
    shown.goto(f"{address}/shown/dashboard-ok")
    ends = shown.evaluate("[...document.querySelectorAll('.meter')].map(each => each.getBoundingClientRect().bottom)")
    shown.close()
    assert ends[2] <= 667


def test_the_first_screen_of_a_desk_holds_every_bar(chromium: Browser, address: str) -> None:
    shown = chromium.new_page(viewport={"width": 1280, "height": 720})
    shown.goto(f"{address}/shown/dashboard-ok")
    ends = shown.evaluate("[...document.querySelectorAll('.meter')].map(each => each.getBoundingClientRect().bottom)")
    shown.close()
    assert max(ends) <= 720


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
    assert shown.locator("[data-copy]:visible").count() == 0
    context.close()


def test_a_form_with_errors_puts_the_focus_on_what_is_wrong(chromium: Browser, address: str) -> None:
    shown = chromium.new_page()
    shown.goto(f"{address}/shown/style")
    assert shown.evaluate("document.activeElement.className") == "error-summary"
    shown.close()
