"""Answers a request with a PDF."""

from __future__ import annotations

from flask import Response


def send_pdf(pdf: bytes, name: str) -> Response:
    """The file to download; `name` is the file's, without .pdf."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.pdf"'}
    return Response(pdf, content_type="application/pdf", headers=headers)
