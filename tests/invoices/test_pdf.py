"""PDF documents: text stays text, the same document is the same bytes, and what cannot be printed is bounded."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.invoices import pdf
from app.invoices.document import LINE_COLUMNS, Document, DocumentSection, DocumentTotal, Party, Row
from app.invoices.pdf import render_pdf

_ROW = Row(("API calls", "60,000 calls", "", "$100.00"), ("Each charged call costs the same.",),
           [("Charged for", "10,000", "", ""), ("At the unit price", "10,000", "$0.01 each", "$100.00")])  # fmt: skip
_DOCUMENT = Document(
    title="Statement of usage",
    number="1–30 Nov 2026",
    seller=Party("Sandbox Ltd", ("12 Toll Street", "London"), "GB123456789"),
    buyer=Party("Müller & Söhne GmbH", ("Straße 1", "10115 Berlin", "Germany"), "DE123456789"),
    dated=datetime(2026, 12, 1, 1, 2, 3, 456, tzinfo=UTC),
    facts=[("Plan", "Pro, version 1")],
    sections=[DocumentSection("Usage", LINE_COLUMNS, [_ROW], "Amounts are before tax.")],
    totals=[DocumentTotal("Usage", "$100.00", strong=True)],
    notes=["Thank you."],
)


def test_same_document_is_the_same_bytes() -> None:
    first = render_pdf(_DOCUMENT)
    assert first.startswith(b"%PDF-")
    assert b"pdfaid" in first
    assert render_pdf(_DOCUMENT) == first
    assert render_pdf(replace(_DOCUMENT, number="1–31 Dec 2026")) != first


def test_markup_in_the_data_is_printed_as_it_is() -> None:
    hostile = '#panic("x") #read("/etc/passwd") *b* _i_ `c` $x$ \\ <label> @ref // # = - + / [ ] { } " \' ~ --- ...'
    party = Party(hostile, (hostile,), hostile)
    rows = [Row((hostile,) * 4, (hostile,), [(hostile,) * 4])]
    made = replace(
        _DOCUMENT, title=hostile, number=hostile, seller=party, buyer=party, facts=[(hostile, hostile)],
        sections=[DocumentSection(hostile, LINE_COLUMNS, rows, hostile)], notes=[hostile],
        totals=[DocumentTotal(hostile, hostile)], footer=hostile,
    )  # fmt: skip
    assert b"pdfaid" in render_pdf(made)


def test_text_that_cannot_be_printed_is_left_out_and_long_words_can_break() -> None:
    shown = pdf._clean_text("a\x00b\u202ec\td\ud800" + "x" * 40 + "y" * 2000)
    assert shown.startswith("abc dx")
    assert "\u200b" in shown
    assert len(shown.replace("\u200b", "")) < 1000


def test_letters_without_a_font_do_not_stop_a_document() -> None:
    strange = Party("\U00012000 \u4eca\u65e5 \u05e9\u05dc\u05d5\u05dd")
    assert render_pdf(replace(_DOCUMENT, buyer=strange)).startswith(b"%PDF-")


def test_empty_document_and_table_without_rows_are_rendered() -> None:
    assert render_pdf(replace(_DOCUMENT, number="", facts=[], sections=[], totals=[], notes=[])).startswith(b"%PDF-")
    nothing = DocumentSection("Usage", LINE_COLUMNS, [], "Nothing was used.")
    assert b"pdfaid" in render_pdf(replace(_DOCUMENT, sections=[nothing]))


def test_document_with_too_many_rows_is_refused() -> None:
    long = DocumentSection("Usage", LINE_COLUMNS, [_ROW] * (pdf.MOST_ROWS // 3 + 1))
    with pytest.raises(ValueError, match="at most"):
        render_pdf(replace(_DOCUMENT, sections=[long]))
