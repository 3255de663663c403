"""A bare Flask app that renders our templates without a database: what every template may count on, and no more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, wraps
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar

from flask import Flask, render_template
from jinja2 import StrictUndefined
from jinja2_fragments.flask import render_block
from markupsafe import Markup
from werkzeug.routing import Rule

from app.factory.application import Portal
from app.factory.blueprints import PAGES
from app.settings import PROJECT
from app.web import filters

Given, Made = ParamSpec("Given"), TypeVar("Made")
VISITOR = SimpleNamespace(kind="visitor", user_id=None, org_id=None, name=None, email=None, theme="system", staff=False,
                          viewing=None)  # fmt: skip
OWNER = SimpleNamespace(
    kind="user", user_id=1, org_id=1, name="Ada Lovelace", email="ada@example.com", org_name="Acme", role="owner",
    theme="dark", staff=True, viewing=None,
)  # fmt: skip


@cache
def stage() -> Flask:
    """The app; its undefined values are errors, so that a template names only what it is given."""
    app = Portal("stage", root_path=str(PROJECT), template_folder="templates", static_folder="static")
    for rule in _routes():
        app.url_map.add(rule.empty())
    app.secret_key = "stage"
    app.jinja_env.undefined = StrictUndefined
    filters.register(app)
    return app


def _routes() -> list[Rule]:
    """Every page's address, as the product has it; nobody answers there."""
    app = Flask("routes", static_folder=None)
    for each in PAGES:
        app.register_blueprint(each)
    return list(app.url_map.iter_rules())


def staged(make: Callable[Given, Made]) -> Callable[Given, Made]:
    """Let a function make view models, which name the pages they lead to: only an app knows where those are."""

    @wraps(make)
    def made(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        with stage().app_context():
            return make(*args, **kwargs)

    return made


def page(template: str, *, block: str | None = None, who: Any = OWNER, **context: Any) -> str:
    """The page, or one of its blocks, as the app's context processor would have it rendered."""
    app = stage()
    given = {
        "who": who,
        "settings": SimpleNamespace(sandbox=True, mailbox_url="http://127.0.0.1:8025", stripe_sandbox_url=None),
        "request_id": "0199c2f0a7b14f2e",
        "now": datetime(2026, 11, 21, 12, 0, tzinfo=UTC),
        "csrf_field": lambda: Markup('<input type="hidden" name="csrf_token" value="token">'),
        "static_url": lambda path: f"/static/{path}?v=1",
        **context,
    }
    with app.test_request_context("/"):
        return render_block(template, block, **given) if block else render_template(template, **given)
