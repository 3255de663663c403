"""Answers a request with a document as PDF."""

from __future__ import annotations

from flask import Response

from app.invoices.document import Document
from app.invoices.pdf import render_pdf
from app.web.database import end_read_transaction


def answer_pdf(document: Document, name: str) -> Response:
    """The document as a file to download, rendered without a transaction open; `name` is the file's, without .pdf."""
    end_read_transaction()
    headers = {"Content-Disposition": f'attachment; filename="{name}.pdf"'}
    return Response(render_pdf(document), content_type="application/pdf", headers=headers)
