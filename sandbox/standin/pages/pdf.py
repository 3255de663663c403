"""Writes lines of text as a one-page A4 PDF. Pure; ASCII only."""

from __future__ import annotations

LINES = 48
FONTS = "<< /Font << /F1 5 0 R >> >>"


def document(lines: list[str]) -> str:
    """A valid PDF 1.4 file as text; non-ASCII characters become question marks, lines beyond the page are dropped."""
    body_text = "\n".join(f"({_escape(line)}) Tj T*" for line in lines[:LINES])
    content = f"BT /F1 11 Tf 15 TL 56 786 Td\n{body_text}\nET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources {FONTS} >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    text, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(text))
        text += f"{number} 0 obj\n{body}\nendobj\n"
    rows = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    table = f"xref\n0 {size}\n0000000000 65535 f \n{rows}trailer\n<< /Size {size} /Root 1 0 R >>\n"
    return f"{text}{table}startxref\n{len(text)}\n%%EOF\n"


def _escape(line: str) -> str:
    plain = line.replace("×", "x").encode("ascii", "replace").decode("ascii")
    return plain.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
