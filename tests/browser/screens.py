"""`python -m tests.browser.screens`: takes every page at three widths in both themes, and lays them on two sheets.

Writes docs/screens/contact-light.jpg, contact-dark.jpg and dashboard.png; with a folder as argument the single
pictures are kept there.
"""

from __future__ import annotations

import base64
import sys
import tempfile
from html import escape
from pathlib import Path

from playwright.sync_api import Browser, Page

from app.settings import PROJECT
from tests.browser.chrome import chromium_browser, new_context, turn, watch
from tests.browser.inside import sign_in_demo
from tests.browser.pages import PAGES
from tests.browser.stack import running
from tests.browser.visits import THEMES, Visits

SCREENS = PROJECT / "docs" / "screens"
WIDTHS = (375, 768, 1280)
README = "dashboard-near"
MOST = 1_600  # px of a long page that the sheet shows
_SHEET = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Contact sheet</title><style>
body {{ margin: 16px; width: 2368px; font: 13px sans-serif; background: {ground}; color: {ink}; }}
main {{ columns: 5; column-gap: 16px; }}
section {{ break-inside: avoid; margin-bottom: 16px; }}
h2 {{ font-size: 13px; margin: 0 0 4px; }}
div {{ display: flex; gap: 6px; align-items: start; }}
img {{ display: block; outline: 1px solid #8886; }}
</style><h1>{title}</h1><main>{pages}</main></html>"""
_SHOWN = {375: 66, 768: 136, 1280: 228}  # px of a thumbnail


def main(kept: Path | None) -> None:
    """Take the pictures of a fresh installation and write the sheets."""
    with tempfile.TemporaryDirectory() as folder, chromium_browser() as chromium:
        pictures = kept or Path(folder) / "pictures"
        pictures.mkdir(parents=True, exist_ok=True)
        with running() as stack:
            visits = Visits(chromium, stack, sign_in_demo(stack))
            for name, shown in PAGES.items():
                if shown.sheet:
                    _take(visits, name, pictures)
        SCREENS.mkdir(parents=True, exist_ok=True)
        for theme in THEMES:
            _lay(chromium, theme, pictures)
        (SCREENS / "dashboard.png").write_bytes((pictures / f"{README}-1280-light.png").read_bytes())


def _take(visits: Visits, name: str, folder: Path) -> None:
    shown = PAGES[name]
    context = new_context(visits.chromium, visits.stack.base, state=visits.states[shown.who] if shown.who else None)
    page = watch(context.new_page()).page
    visits.open(shown, page)
    for theme in THEMES:
        for width in WIDTHS:
            turn(page, theme=theme, width=width)
            height = min(MOST, page.evaluate("document.documentElement.scrollHeight"))
            turn(page, width=width, height=height)
            page.screenshot(path=folder / f"{name}-{width}-{theme}.png")
    context.close()
    print(name, flush=True)


def _lay(chromium: Browser, theme: str, folder: Path) -> None:
    """Lay the pictures of a theme on one sheet, labelled."""
    sections = "".join(_section(folder, name, theme) for name, shown in PAGES.items() if shown.sheet)
    ground, ink = ("#d9dce3", "#161a27") if theme == "light" else ("#2a2d36", "#eceef4")
    title = f"Tollkeeper, every page at 375, 768 and 1280 px, {theme}"
    page: Page = chromium.new_page(viewport={"width": 2400, "height": 800})
    page.set_content(_SHEET.format(ground=ground, ink=ink, title=title, pages=sections), wait_until="load")
    page.screenshot(path=SCREENS / f"contact-{theme}.jpg", full_page=True, type="jpeg", quality=70)
    page.close()


def _section(folder: Path, name: str, theme: str) -> str:
    thumbnails = "".join(_thumbnail(folder, name, width, theme) for width in WIDTHS)
    return f"<section><h2>{escape(name)}</h2><div>{thumbnails}</div></section>"


def _thumbnail(folder: Path, name: str, width: int, theme: str) -> str:
    data = base64.b64encode((folder / f"{name}-{width}-{theme}.png").read_bytes()).decode()
    return f'<img src="data:image/png;base64,{data}" width="{_SHOWN[width]}" alt="{escape(name)} at {width} px">'


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
