"""The WSGI app: API calls under `/v1/`, pages elsewhere."""

from __future__ import annotations

import importlib
import pkgutil
import socket
import struct
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from werkzeug.wrappers import Request

import sandbox.standin as package
from sandbox.standin import routes
from sandbox.standin.errors import StripeError
from sandbox.standin.http.api import ApiCall, ApiReply, Dispatcher
from sandbox.standin.pages import rendering
from sandbox.standin.store import ids
from sandbox.standin.store.world import World
from sandbox.web_pages import Page, forbidden, from_here, status_line, style


@cache
def load() -> None:
    """Import every module of the package, once, so that all routes and scheduled functions are registered."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)


@dataclass(frozen=True)
class Exchange:
    """An API call and its answer, for watchers."""

    call: ApiCall
    reply: ApiReply


class App:
    """A world served over HTTP. `key` is the only accepted secret key; None accepts any test key."""

    def __init__(self, world: World, key: str | None = None) -> None:
        load()
        self.world = world
        self.api = Dispatcher(world, key)
        self.watchers: list[Callable[[Exchange], None]] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        request = Request(environ)
        if request.path.startswith(("/v1/", "/v2/")):
            return self._api(request, start_response)
        response = self._page(request)
        body = response.body.encode()
        start_response(status_line(response.status), [*response.headers(), ("Content-Length", str(len(body)))])
        return [] if request.method == "HEAD" else [body]

    def _api(self, request: Request, start_response: Callable[..., Any]) -> Iterable[bytes]:
        call = ApiCall(
            id=f"req_{ids.token(14)}",
            method=request.method,
            path=request.path,
            query=request.query_string.decode("ascii", "replace"),
            body=request.get_data(as_text=True),
            authorization=request.headers.get("Authorization", ""),
            version=request.headers.get("Stripe-Version"),
            key=request.headers.get("Idempotency-Key"),
        )
        reply = self.api.answer(call)
        for watch in self.watchers:
            watch(Exchange(call, reply))
        body = reply.body.encode()
        if reply.cut == "before":
            return _break_connection(request, b"")
        start_response(status_line(reply.status), [*reply.headers(call), ("Content-Length", str(len(body)))])
        return _break_connection(request, body[: len(body) // 2]) if reply.cut else [body]

    def _page(self, request: Request) -> Page:
        method = "GET" if request.method == "HEAD" else request.method
        if not from_here(method, request.host, request.headers.get("Origin")):
            return forbidden()
        if request.path == "/style.css":
            return style(rendering.HERE)
        match = routes.find(routes.PAGES, method, request.path)
        if match is None:
            return rendering.not_found_page()
        route, path = match
        form = {**request.args.to_dict(), **request.form.to_dict()}
        if request.mimetype == "application/json":
            form = {"json": request.get_data(as_text=True)}
        try:
            with self.world.change():
                response: Page = route.handler(self.world, form, **path)
        except StripeError as error:
            return rendering.render("missing.html", error.status, words=str(error))
        except Exception:  # noqa: BLE001  # the browser gets a 500; the traceback is printed
            self.api.crashes.append(traceback.format_exc())
            traceback.print_exc()
            return rendering.render("missing.html", 500, words="The stand-in failed; its log says why.")
        return response


def _break_connection(request: Request, first_part: bytes) -> Iterator[bytes]:
    """Send the first part of the body, then reset the connection."""
    if first_part:
        yield first_part
    connection = request.environ["werkzeug.socket"]
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError
