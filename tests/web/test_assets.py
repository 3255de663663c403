"""What the browser is given beside pages: small, unchanged, and only ours."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re

from app.factory import assets
from app.settings import PROJECT

STATIC = PROJECT / "static"
HTMX = STATIC / "vendor" / "htmx-2.0.11.min.js"
BASE = (PROJECT / "templates" / "base.html").read_text(encoding="utf-8")


def integrity() -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(HTMX.read_bytes()).digest()).decode()


def test_htmx_is_the_published_file() -> None:
    told = (STATIC / "vendor" / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(HTMX.read_bytes()).hexdigest() in told
    assert integrity() in told
    assert 'version:"2.0.11"' in HTMX.read_text(encoding="utf-8")


def test_pages_load_htmx_by_its_hash() -> None:
    assert re.findall(r'integrity="([^"]+)"', BASE) == [integrity()]


def test_htmx_may_neither_evaluate_nor_bring_scripts_or_styles() -> None:
    for rule in ('"allowEval":false', '"allowScriptTags":false', '"includeIndicatorStyles":false',
                 '"selfRequestsOnly":true', '"historyCacheSize":0', '{"code":"422","swap":true}'):  # fmt: skip
        assert rule in BASE


def test_our_own_script_is_tiny() -> None:
    assert len(gzip.compress((STATIC / "js" / "app.js").read_bytes(), 9)) <= 2048


def test_everything_a_first_visit_loads_is_well_below_the_budget() -> None:
    files = ["js/app.js", "vendor/htmx-2.0.11.min.js", "favicon.svg"]
    loaded = [assets.stylesheet(), *((STATIC / name).read_bytes() for name in files)]
    assert sum(len(gzip.compress(each, 9)) for each in loaded) <= 32 * 1024


def test_pages_load_nothing_from_elsewhere() -> None:
    assert re.findall(r'(?:src|href)="https?:', BASE) == []
