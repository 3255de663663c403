"""The two outside judges of pages: axe-core inside the browser, html-validate under Node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from playwright.sync_api import Page

from tests.node import NODE, NODE_PACKAGES

AXE = NODE_PACKAGES / "axe-core" / "axe.min.js"
HTML_VALIDATE = NODE_PACKAGES / "html-validate" / "bin" / "html-validate.mjs"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Nothing is fetched again for a run: of these rules only the one on sound that plays by itself would read it.
_RUN = "rules => axe.run({runOnly: rules, resultTypes: ['violations'], preload: false})"
CONFIG = Path(__file__).with_name("htmlvalidate.json")


def axe(page: Page) -> list[str]:
    """Every violation on the page as it stands now, as the rule and the element."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(_RUN, RULES)
    return [f"{each['id']}: {node['html'][:160]}" for each in found["violations"] for node in each["nodes"]]


def html_validate(folder: Path) -> dict[str, list[str]]:
    """The errors of every .html file in a folder, by the file's stem; one start of Node for all."""
    command = [str(NODE), str(HTML_VALIDATE), "--config", str(CONFIG), "--formatter", "json", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1}:
        raise RuntimeError(done.stderr)
    return {
        Path(each["filePath"]).stem: [f"{m['line']}: {m['ruleId']}: {m['message']}" for m in each["messages"]]
        for each in json.loads(done.stdout or "[]")
    }
