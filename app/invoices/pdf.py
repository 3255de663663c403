"""Renders a document as a PDF with Typst. Its text is data: it reaches the template as JSON, never as markup.

Text uses the typeface that Typst brings, so the same document is the same bytes everywhere; scripts that it lacks are
set in the fonts of the machine.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import asdict
from datetime import UTC
from functools import cache
from typing import Any

import typst

from app.invoices.document import Document
from app.settings import PROJECT

MOST_ROWS = 5000
"""Rows and steps of a document: about 120 pages, a second of work."""
MOST_LETTERS = 1000
_FOLDER = PROJECT / "templates" / "pdf"
_ARCHIVE, _PLAIN = ["a-2a", "ua-1"], ["1.7"]
_LONG_RUN = re.compile(r"(\S{16})(?=\S)")
_BREAK = "\N{ZERO WIDTH SPACE}"
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def render_pdf(document: Document) -> bytes:
    """Render a document: PDF/A-2a and PDF/UA-1, or plain PDF 1.7 where no font has a letter of it.

    Raises `ValueError` for a document of more than `MOST_ROWS` rows and steps. Text of more than `MOST_LETTERS` letters
    is cut, and control characters are left out.
    """
    if sum(1 + len(row.steps) for section in document.sections for row in section.rows) > MOST_ROWS:
        raise ValueError(f"a document has at most {MOST_ROWS} rows and steps")
    data = json.dumps(_clean(asdict(document)), ensure_ascii=False, default=str)
    try:
        return _compile(document, data, _ARCHIVE)
    except typst.TypstError:
        return _compile(document, data, _PLAIN)


def _compile(document: Document, data: str, standards: list[Any]) -> bytes:
    made = typst.compile(
        _FOLDER / "document.typ",
        root=_FOLDER,
        font_paths=_fonts(),
        format="pdf",
        sys_inputs={"data": data},
        pdf_standards=standards,
        timestamp=document.dated.astimezone(UTC).replace(microsecond=0),
    )
    if not isinstance(made, bytes):
        raise TypeError("Typst returned no file")
    return made


@cache
def _fonts() -> typst.Fonts:
    """The fonts of this machine and those that Typst brings, read once a process."""
    return typst.Fonts()


def _clean(value: Any) -> Any:
    """Text as it can be printed, in all that a document holds."""
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list | tuple) else value


def _clean_text(text: str) -> str:
    """The text without control and direction characters, and with room to break within very long words."""
    shown = "".join(" " if letter in "\t\r\n" else letter for letter in text[:MOST_LETTERS])
    shown = "".join(letter for letter in shown if unicodedata.category(letter) not in _HIDDEN)
    return _LONG_RUN.sub(rf"\1{_BREAK}", shown)
