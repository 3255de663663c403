"""What a refused request still sends is read, and not a byte more: a server's input may wait for it."""

from __future__ import annotations

from io import BytesIO

import pytest
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from app.web.bodies import MAX_BODY


class Body(BytesIO):
    """A socket's input: whoever reads past the body would wait for ever."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.size = len(content)

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert 0 <= size <= self.size - self.tell(), "reads past the body"
        return super().read(size)


@pytest.mark.parametrize(
    ("path", "content", "kind", "status"),
    [
        ("/api/v1/usage/events", b'{"id": "a"}', "application/json", 401),
        ("/sign-in", b"email=nobody@example.com", "application/x-www-form-urlencoded", 403),
        ("/webhooks/stripe", b"{}", "application/json", 400),
        ("/nowhere", b"x" * 100_000, "text/plain", 404),
        ("/sign-up", b"x" * (MAX_BODY + 2), "application/x-www-form-urlencoded", 413),
    ],
)
def test_a_refusal_reads_the_body_to_its_end(
    client: FlaskClient, path: str, content: bytes, kind: str, status: int
) -> None:
    body = Body(content)
    environ = EnvironBuilder(path, method="POST", content_type=kind, data=b"").get_environ()
    answer = client.open({**environ, "wsgi.input": body, "CONTENT_LENGTH": str(len(content))})
    assert answer.status_code == status
    assert body.tell() == len(content)
