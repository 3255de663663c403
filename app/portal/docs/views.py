"""Documentation pages: quick start, API reference, examples, error codes and, in the sandbox, the style guide."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, render_template, url_for
from markupsafe import Markup

from app.catalog import queries as catalog
from app.kit.errors import NotFound
from app.portal.docs.examples import SubjectView, build_subjects
from app.portal.docs.reference import Document, Group, build_reference
from app.portal.docs.style_guide import build_specimens
from app.web.api import respond_raw
from app.web.database import session
from app.web.json import encode
from app.web.pages import render
from app.web.problems import PROBLEMS
from app.web.runtime import runtime

docs = Blueprint("docs", __name__)


class ReferencePages:
    """What the running program's reference consists of, built when first asked for."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self.bodies: dict[str, Markup] = {}
        self.document: bytes | None = None
        self.examples: dict[str, SubjectView] = {}


@docs.get("/docs")
def index() -> Response:
    """Quick start: a first event in three lines, with links to everything else."""
    # A meter of this installation's catalogue, so that the command works as pasted.
    meter = next((meter.key for meter in catalog.list_meters(session())), "api_calls")
    return render("docs/index.html", base_url=runtime().settings.base_url, groups=_groups().values(), meter=meter)


@docs.get("/docs/api")
def api() -> Response:
    """What all calls have in common, and a list of them."""
    return render("docs/api.html", groups=_groups().values(), base_url=runtime().settings.base_url)


@docs.get("/docs/api/<resource>")
def api_calls(resource: str) -> Response:
    """The calls of one resource, generated from the OpenAPI document."""
    groups = _groups()
    group = groups.get(resource)
    if group is None:
        raise NotFound("There is no such resource in the API.")
    bodies = runtime().shared(ReferencePages).bodies
    if resource not in bodies:  # milliseconds for anybody who asks, and the same for all
        bodies[resource] = Markup(render_template("docs/_calls.html", group=group))  # noqa: S704  # nosec B704  # our own template
    tabs = [(each.title, url_for("docs.api_calls", resource=each.anchor), each is group) for each in groups.values()]
    return render("docs/api_calls.html", group=group, tabs=tabs, body=bodies[resource])


@docs.get("/api/v1/openapi.json")
def openapi() -> Response:
    """The OpenAPI 3.1 document."""
    pages = runtime().shared(ReferencePages)
    if pages.document is None:
        pages.document = encode(_document())
    return respond_raw(pages.document)


@docs.get("/docs/examples")
def examples() -> Response:
    """What the worked examples are about, and how many there are."""
    return render("docs/examples.html", subjects=_examples().values())


@docs.get("/docs/examples/<subject>")
def example_cases(subject: str) -> Response:
    """The worked examples of one pricing model, or of late usage; the tests run the same files."""
    subjects = _examples()
    shown = subjects.get(subject)
    if shown is None:
        raise NotFound("There are no such examples.")
    bodies = runtime().shared(ReferencePages).bodies
    name = f"examples/{subject}"
    if name not in bodies:
        bodies[name] = Markup(render_template("docs/_cases.html", subject=shown))  # noqa: S704  # nosec B704  # our own template
    tabs = [(each.title, url_for("docs.example_cases", subject=each.key), each is shown) for each in subjects.values()]
    return render("docs/example_cases.html", subject=shown, tabs=tabs, body=bodies[name])


@docs.get("/docs/problems")
def problems() -> Response:
    """Every error code with its status."""
    return render("docs/problems.html", problems=PROBLEMS)


@docs.get("/docs/problems/<code>")
def problem(code: str) -> Response:
    """One error code: what it means and what to do. Every problem's `type` URL points here."""
    if code not in PROBLEMS:
        raise NotFound("There is no such error code.")
    calls = [
        (group, call)
        for group in _groups().values()
        for call in group.calls
        if any(code in codes for _, codes in call.problems)
    ]
    return render("docs/problem.html", code=code, problem=PROBLEMS[code], calls=calls, everywhere=len(calls) > _MANY)


@docs.get("/docs/style")
def style() -> Response:
    """Every component in all its states, for developers; only in the sandbox."""
    if not runtime().settings.sandbox:
        raise NotFound("There is nothing at this address.")
    return render("docs/style.html", **build_specimens())


_MANY = 8


def _document() -> Document:
    document: Document = current_app.extensions["tollkeeper.openapi"]
    return document


def _groups() -> dict[str, Group]:
    """By the name in its page's address, in the order of the document."""
    pages = runtime().shared(ReferencePages)
    if not pages.groups:
        pages.groups = {group.anchor: group for group in build_reference(_document())}
    return pages.groups


def _examples() -> dict[str, SubjectView]:
    """By the name in their page's address."""
    pages = runtime().shared(ReferencePages)
    pages.examples = pages.examples or build_subjects()
    return pages.examples
