"""Wiring: builds the app from its settings. Imports every room; no room imports it."""

from __future__ import annotations

from flask import Blueprint, Flask
from flask_migrate import Migrate
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from app.accounts.sign_in.login import login_manager
from app.factory import health, logs, middleware, rate
from app.factory.access import ACCESS
from app.factory.application import PageSessions, Portal, cookie_settings
from app.factory.blueprints import APIS, MACHINES, PAGES
from app.kit.clock import Clocks, OffsetClock, SystemClock
from app.kit.db import engine_options, limit_waits
from app.kit.postgres.pool import HotPool
from app.payments.gateway import EXTENSION, build_gateway
from app.settings import PROJECT, Settings
from app.web import errors, filters, openapi
from app.web.bodies import MAX_BODY
from app.web.database import db
from app.web.runtime import Runtime


def create_app(settings: Settings, clocks: Clocks | None = None) -> Flask:
    """Create a Flask app. No globals and no work beyond wiring; the database is first reached when needed.

    Raises `RuntimeError` if a route has no row in the access table, or a row has no route.
    """
    app = Portal("tollkeeper", root_path=str(PROJECT), template_folder="templates", static_folder="static")
    _configure(app, settings)
    _add_extensions(app, settings, clocks)
    for blueprint in _blueprints():
        app.register_blueprint(blueprint)
    errors.register(app)
    filters.register(app)
    rate.register(app, settings)
    middleware.register(app)
    logs.configure(settings)
    _check_access(app)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url.replace("postgresql://", "postgresql+psycopg://", 1),
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.statement_limit),
        # No legitimate form is larger than the largest batch; the API answers 413 itself and names the limit.
        MAX_CONTENT_LENGTH=MAX_BODY + 1,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
        **cookie_settings(settings),
    )


def _add_extensions(app: Flask, settings: Settings, clocks: Clocks | None) -> None:
    system = SystemClock()
    business = OffsetClock(settings.clock_file) if settings.sandbox else system
    clocks = clocks or Clocks(business=business, wall=system)
    app.extensions["tollkeeper"] = Runtime(
        settings=settings,
        clocks=clocks,
        pool=HotPool(settings.database_url, settings.hot_pool_size, statement_limit=settings.statement_limit),
        started_at=clocks.business.now(),
    )
    app.extensions[EXTENSION] = build_gateway(settings)
    app.session_interface = PageSessions()
    login_manager.init_app(app, add_context_processor=False)  # templates know the caller as `who`
    db.init_app(app)
    with app.app_context():
        limit_waits(db.engine, settings.statement_limit)
    Migrate(app, db, directory=str(PROJECT / "migrations"))
    guard = CSRFProtect(app)
    for blueprint in (*APIS, *MACHINES):
        guard.exempt(blueprint)  # no cookies, so no CSRF
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # as Flask documents
    app.extensions["tollkeeper.openapi"] = openapi.document(
        (op for api in APIS for op in api.operations),
        {endpoint: rule.scope for endpoint, rule in ACCESS.items()},
        settings.base_url,
        "1.0",
    )


def _blueprints() -> list[Blueprint]:
    return [health.pages, *PAGES, *APIS]


def _check_access(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    missing, stale = sorted(endpoints - ACCESS.keys()), sorted(ACCESS.keys() - endpoints)
    if missing or stale:
        raise RuntimeError(f"access table: routes without a row: {missing}; rows without a route: {stale}")
