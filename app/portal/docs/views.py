"""Help: a first event, the API reference, what each error code means, and (in the sandbox) every component."""

from __future__ import annotations

from flask import Blueprint, Response, current_app

from app.catalog import queries as catalog
from app.kit.errors import NotFound
from app.portal.docs.reference import Document, Group, reference
from app.portal.docs.style_guide import specimens
from app.web.api import respond_raw
from app.web.database import session
from app.web.json import encode
from app.web.pages import render
from app.web.problems import PROBLEMS
from app.web.runtime import runtime

docs = Blueprint("docs", __name__)


@docs.get("/docs")
def index() -> Response:
    """Where to start: a first event in three lines, and the way to everything else."""
    # A meter of this catalogue, so that the line works when pasted.
    meter = next((each.key for each in catalog.list_meters(session())), "api_calls")
    return render("docs/index.html", base_url=runtime().settings.base_url, groups=_groups(), meter=meter)


@docs.get("/docs/api")
def api() -> Response:
    """The API reference, out of the very document that programs read."""
    return render("docs/api.html", groups=_groups(), base_url=runtime().settings.base_url)


@docs.get("/api/v1/openapi.json")
def openapi() -> Response:
    """The OpenAPI 3.1 document."""
    return respond_raw(encode(_document()))


@docs.get("/docs/problems")
def problems() -> Response:
    """Every error code with its status."""
    return render("docs/problems.html", problems=PROBLEMS)


@docs.get("/docs/problems/<code>")
def problem(code: str) -> Response:
    """One error code: what it means and what to do. The `type` of every problem leads here."""
    if code not in PROBLEMS:
        raise NotFound("There is no error code of this name.")
    calls = [call for group in _groups() for call in group.calls if any(code in codes for _, codes in call.problems)]
    return render("docs/problem.html", code=code, problem=PROBLEMS[code], calls=calls, everywhere=len(calls) > _MANY)


@docs.get("/docs/style")
def style() -> Response:
    """The components in all their states, for who works on the pages; only in the sandbox."""
    if not runtime().settings.sandbox:
        raise NotFound("There is nothing at this address.")
    return render("docs/style.html", **specimens())


_MANY = 8


def _document() -> Document:
    found: Document = current_app.extensions["tollkeeper.openapi"]
    return found


def _groups() -> list[Group]:
    return reference(_document())
