"""The two outside judges of pages: axe-core inside the browser, html-validate under Node."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from tests.node import NODE, NODE_PACKAGES

AXE = NODE_PACKAGES / "axe-core" / "axe.min.js"
HTML_VALIDATE = NODE_PACKAGES / "html-validate" / "dist" / "esm" / "index.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules that another theme can break."""
# Nothing is fetched again for a run: of these rules only the one on sound that plays by itself would read it. Axe is
# not loaded into frames, so it sends them no messages: Chromium warns of those to the mailbox's, which has no origin.
_RUN = "only => axe.run({runOnly: only, resultTypes: ['violations'], preload: false, iframes: false})"
CONFIG = Path(__file__).with_name("htmlvalidate.json")


def axe(page: Page, *, colours: bool = False) -> list[str]:
    """Every violation on the page as it stands now, as the rule and the element; or those of its `colours` only."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    only = {"type": "rule", "values": COLOURS} if colours else {"type": "tag", "values": RULES}
    found = page.evaluate(_RUN, only)
    return [f"{each['id']}: {node['html'][:160]}" for each in found["violations"] for node in each["nodes"]]


@contextmanager
def html_validate() -> Iterator[Callable[[str], list[str]]]:
    """What is wrong with the source of a page; one start of Node for all pages."""
    script, config = Path(__file__).with_name("validate.mjs"), CONFIG.read_text(encoding="utf-8")
    command = [str(NODE), str(script), HTML_VALIDATE.as_uri(), config]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8") as node:
        assert node.stdin
        assert node.stdout
        to_node, from_node = node.stdin, node.stdout

        def judge(source: str) -> list[str]:
            to_node.write(json.dumps(source) + "\n")
            to_node.flush()
            answer = from_node.readline()
            assert answer, "html-validate stopped"
            found: list[str] = json.loads(answer)
            return found

        yield judge
        to_node.close()
