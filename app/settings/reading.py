"""Reads the settings from the environment, once, with no insecure default outside the sandbox."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from app.kit.environment import Environment
from app.kit.postgres.privileges import describe_excess_rights
from app.settings.checks import ORIGIN, check_sandbox, check_stripe
from app.settings.model import PROJECT, STRIPE, STRIPE_PAGES, Settings

MOST_AHEAD_MINUTES = 60  # periods are not opened further ahead of an event
MAX_PORT = 65_535
_SERIES = re.compile(r"[A-Z0-9]{1,12}", re.ASCII)


class SettingsError(Exception):
    """Names every invalid setting at once, so that an operator can fix them in one go."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def parse_settings(env: Mapping[str, str]) -> Settings:
    """Parse an environment. Raises `SettingsError` naming every problem.

    Without `TOLLKEEPER_ENV=production` this is a sandbox, whose secrets are generated once and kept below `instance`.
    Anybody can move a sandbox's clock, so it starts on this machine's own addresses only.
    """
    read = Environment(env)
    sandbox = read.choice("TOLLKEEPER_ENV", "sandbox", "production") == "sandbox"
    instance = Path(read.text("INSTANCE") or PROJECT / "instance").resolve()
    settings = Settings(
        sandbox=sandbox, instance=instance,
        **_core(read, sandbox, instance), **_mail(read, sandbox), **_seller(read, sandbox),
        **_bounds(read, sandbox), **_payments(read),
    )  # fmt: skip
    problems = read.problems + check_stripe(settings) + (check_sandbox(settings, env) if sandbox else [])
    if problems:
        raise SettingsError(problems)
    return settings


def read_settings(*, serving: str | None = None) -> Settings:
    """The settings of this process. If they are invalid, exit and print every problem on its own line.

    `serving` names the database variable of a process that serves, web or worker: in production its role must be
    neither superuser nor owner of the tables. If the database cannot be asked, the process has to ask again.
    """
    problems, settings = [], None
    try:
        settings = parse_settings(os.environ)
    except SettingsError as error:
        problems += error.problems
    if serving and os.environ.get("TOLLKEEPER_ENV") == "production":
        problems += describe_excess_rights(serving, os.environ)
    if settings is None or problems:
        raise SystemExit("\n".join(["The settings cannot be used:", *problems]))
    return settings


def _core(read: Environment, sandbox: bool, instance: Path) -> dict[str, Any]:
    """The portal's address, its databases and its secrets."""
    port = read.number("PORT", 5000, least=1, most=MAX_PORT)
    base_url = read.text("BASE_URL", f"http://127.0.0.1:{port}" if sandbox else "").rstrip("/")
    origin = ORIGIN.fullmatch(base_url)
    if not origin or not (sandbox or origin[1] == "https"):
        read.problems.append("BASE_URL must be the portal's https address, such as https://billing.example.com")
    database_url = read.text("DATABASE_URL")
    if not database_url:
        how = f"run `make run`, then `. {instance / 'env'}`" if sandbox else "postgresql://user:password@host/database"
        read.problems.append(f"DATABASE_URL must be set: {how}")
    made_in = instance if sandbox else None
    if not sandbox:
        read.distinct("KEY_PEPPER", "METRICS_TOKEN", "SECRET_KEY")
    return {
        "secret_key": read.secret("SECRET_KEY", made_in),
        "key_pepper": read.secret("KEY_PEPPER", made_in),
        "base_url": base_url,
        "database_url": database_url,
        "owner_database_url": read.text("OWNER_DATABASE_URL") or database_url,
        "worker_database_url": read.text("WORKER_DATABASE_URL") or database_url,
        "synchronous_standby": read.flag("SYNCHRONOUS_STANDBY"),
    }


def _mail(read: Environment, sandbox: bool) -> dict[str, Any]:
    return {
        "smtp_host": read.text("SMTP_HOST", "127.0.0.1"),
        "smtp_port": read.number("SMTP_PORT", 2525 if sandbox else 25, least=1, most=MAX_PORT),
        "smtp_user": read.optional("SMTP_USER"),
        "smtp_password": read.optional("SMTP_PASSWORD"),
        "smtp_tls": read.flag("SMTP_TLS"),
        "mail_from": read.text("MAIL_FROM", "Tollkeeper <billing@localhost>"),
        "mailbox_url": read.optional("MAILBOX_URL") if sandbox else None,
    }


def _seller(read: Environment, sandbox: bool) -> dict[str, Any]:
    """Who invoices are from. A sandbox has a seller of its own, so that its documents look like documents."""
    name = read.text("SELLER_NAME", "Sandbox Ltd" if sandbox else "").strip()
    lines = read.text("SELLER_ADDRESS", "12 Toll Street; London EC1A 1BB; United Kingdom" if sandbox else "").split(";")
    address = tuple(line.strip() for line in lines if line.strip())
    if not name or not address:
        read.problems.append(
            "SELLER_NAME and SELLER_ADDRESS must be set: invoices are from them. Separate the address's lines with ;"
        )
    bank = "IBAN GB00 SAND 0000 0000 0000 00" if sandbox else ""
    return {
        "seller_name": name,
        "seller_address": address,
        "seller_tax_id": read.optional("SELLER_TAX_ID"),
        "seller_bank": read.text("SELLER_BANK", bank).strip() or None,
    }


def _bounds(read: Environment, sandbox: bool) -> dict[str, Any]:
    """Sizes and ages, and the metrics token."""
    return {
        "metrics_token": read.token("METRICS_TOKEN", checked=not sandbox),
        "trusted_proxies": read.number("TRUSTED_PROXIES", 0, most=10),
        "hot_pool_size": read.number("HOT_POOL_SIZE", 8, least=1, most=1000),
        "event_max_age": timedelta(days=read.number("EVENT_MAX_AGE_DAYS", 35, most=3650)),
        "event_max_ahead": timedelta(minutes=read.number("EVENT_MAX_AHEAD_MINUTES", 5, most=MOST_AHEAD_MINUTES)),
        "web_nodes": read.number("WEB_NODES", 1, least=1),
        "staff_requests_per_minute": read.number("STAFF_REQUESTS_PER_MINUTE", 600, least=1),
    }


def _payments(read: Environment) -> dict[str, Any]:
    return {
        "stripe_secret_key": read.text("STRIPE_SECRET_KEY"),
        "stripe_api_base": (read.text("STRIPE_API_BASE") or STRIPE).rstrip("/"),
        "stripe_webhook_secrets": read.listed("STRIPE_WEBHOOK_SECRETS"),
        "stripe_page_hosts": read.listed("STRIPE_PAGE_HOSTS") or STRIPE_PAGES,
        "stripe_account": read.optional("STRIPE_ACCOUNT"),
        "grace": timedelta(days=read.number("GRACE_DAYS", 7, most=365)),
        "close_grace": timedelta(minutes=read.number("CLOSE_GRACE_MINUTES", 60, most=24 * 60)),
        "invoice_series": _series(read),
        "trial_per_domain": read.flag("TRIAL_PER_DOMAIN"),
        "plan_move_notice": timedelta(days=read.number("PLAN_MOVE_NOTICE_DAYS", 30, most=365)),
    }


def _series(read: Environment) -> str:
    """What the numbers of our own invoices begin with."""
    prefix = read.text("INVOICE_SERIES", Settings.invoice_series)
    if not _SERIES.fullmatch(prefix):
        read.problems.append(f"INVOICE_SERIES must be 1 to 12 capital letters and digits, not {prefix!r}")
    return prefix
