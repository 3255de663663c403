"""`make check` reads the whole tree, once, before the tests; here only that nothing is hidden from it unsaid."""

from __future__ import annotations

import re

from app.settings import PROJECT

ROOMS = ("app", "bench", "migrations", "sandbox")
MARKS = re.compile(r"# (?:noqa|type: ignore|nosec)[^#(]*")


def test_no_check_is_silenced_without_a_reason() -> None:
    silenced = []
    for path in [PROJECT / "wsgi.py", *(path for room in ROOMS for path in (PROJECT / room).rglob("*.py"))]:
        lines = path.read_text(encoding="utf-8").splitlines()
        silenced += [f"{path.relative_to(PROJECT)}:{n + 1}" for n in range(len(lines)) if _is_bare(lines, n)]
    assert silenced == []


def _is_bare(lines: list[str], number: int) -> bool:
    """A check is silenced and neither the rest of the line nor a comment on the line above says why."""
    if not MARKS.search(lines[number]):
        return False
    told_above = number > 0 and lines[number - 1].lstrip().startswith("#")
    rest = MARKS.sub("", lines[number][MARKS.search(lines[number]).start() :])  # type: ignore[union-attr]
    return not told_above and not rest.strip(" #")
