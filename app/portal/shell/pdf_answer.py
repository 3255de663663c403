"""Answers a request with a document as PDF."""

from __future__ import annotations

from flask import Response

from app.invoices.document import Document
from app.invoices.pdf import render_pdf
from app.web.database import end_read_transaction
from app.web.pdf import send_pdf


def answer_pdf(document: Document, name: str) -> Response:
    """The document as a file to download, rendered without a transaction open; `name` is the file's, without .pdf."""
    end_read_transaction()
    return send_pdf(render_pdf(document), name)
