"""Settings: read from the environment once, checked at start, with no insecure default outside the sandbox."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from app.kit.environment import Environment
from app.kit.local_addresses import is_local_database, is_loopback
from app.kit.postgres.privileges import describe_excess_rights

PROJECT = Path(__file__).resolve().parent.parent
MOST_AHEAD_MINUTES = 60  # periods are not opened further ahead of an event
MAX_PORT = 65_535
STRIPE = "https://api.stripe.com"
STRIPE_PAGES = ("https://checkout.stripe.com", "https://billing.stripe.com", "https://invoice.stripe.com")
_ORIGIN = re.compile(r"(https?)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
_SERIES = re.compile(r"[A-Z0-9]{1,12}", re.ASCII)


class SettingsError(Exception):
    """Names every invalid setting at once, so that an operator can fix them in one go."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Settings:
    """Everything an installation can configure. Durations are timedeltas, sizes bytes; URLs have no trailing slash.

    `sandbox` marks a development installation: movable clock, mailbox page, plain http, generated secrets.
    """

    sandbox: bool
    secret_key: str = field(repr=False)
    key_pepper: str = field(repr=False)
    base_url: str
    database_url: str = field(repr=False)
    owner_database_url: str = field(repr=False)
    worker_database_url: str = field(repr=False)
    instance: Path
    smtp_host: str = "127.0.0.1"
    smtp_port: int = 25
    smtp_user: str | None = None
    smtp_password: str | None = field(default=None, repr=False)
    smtp_tls: bool = False
    mail_from: str = "Tollkeeper <billing@localhost>"
    mailbox_url: str | None = None
    seller_name: str = ""
    seller_address: tuple[str, ...] = ()
    seller_tax_id: str | None = None
    seller_bank: str | None = None
    metrics_token: str | None = field(default=None, repr=False)
    trusted_proxies: int = 0
    hot_pool_size: int = 8
    event_max_age: timedelta = timedelta(days=35)
    event_max_ahead: timedelta = timedelta(minutes=5)
    synchronous_standby: bool = False
    web_nodes: int = 1
    staff_requests_per_minute: int = 600
    stripe_secret_key: str = field(default="", repr=False)  # empty: payments are off
    stripe_api_base: str = STRIPE
    stripe_webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    stripe_page_hosts: tuple[str, ...] = STRIPE_PAGES
    stripe_account: str | None = None
    grace: timedelta = timedelta(days=7)
    close_grace: timedelta = timedelta(hours=1)
    invoice_series: str = "INV"
    trial_per_domain: bool = False
    plan_move_notice: timedelta = timedelta(days=30)
    is_background: bool = False
    statement_limit: timedelta | None = timedelta(seconds=5)
    # Costs and waits that no variable sets; tests lower them to run faster.
    stripe_page_limit: timedelta = timedelta(seconds=5)
    payments_page_wait: timedelta = timedelta(seconds=3)
    payments_task_wait: timedelta = timedelta(seconds=60)
    key_memory: timedelta = timedelta(seconds=1)
    # OWASP's password storage sheet: argon2id with 19 MiB, two passes, one lane, or stronger.
    password_memory: int = 19 * 1024 * 1024
    password_passes: int = 2

    @property
    def stripe_on(self) -> bool:
        """Whether payments are switched on."""
        return bool(self.stripe_secret_key)

    @property
    def stripe_livemode(self) -> bool:
        """Whether the key moves real money."""
        return self.stripe_secret_key.startswith(("sk_live_", "rk_live_"))

    @cached_property
    def host(self) -> str:
        """Host and port of `base_url`, as browsers send them: without the scheme's own port."""
        scheme, _, host = self.base_url.lower().partition("://")
        return host.removesuffix(":443" if scheme == "https" else ":80")

    @property
    def stripe_sandbox_url(self) -> str | None:
        """The stand-in's own page, when payments go to one."""
        stands_in = self.stripe_on and not self.stripe_api_base.startswith("https:")
        return f"{self.stripe_api_base}/sandbox" if stands_in else None

    @property
    def database_hint(self) -> str:
        """What to do if the database cannot be reached."""
        start = "Start it with `make run`" if self.sandbox else "Start PostgreSQL"
        return f"{start}, or correct DATABASE_URL."

    @property
    def clock_file(self) -> Path:
        """The file that holds the offset of the sandbox's business clock."""
        return self.instance / "clock"

    def for_worker(self) -> Settings:
        """These settings for the worker: its own database role, and more time for statements and for Stripe."""
        longer = timedelta(seconds=60)
        return replace(self.for_command(), database_url=self.worker_database_url, statement_limit=longer)

    def for_command(self) -> Settings:
        """These settings for a command: no page is waiting, so Stripe gets more time and statements all they need."""
        return replace(self, is_background=True, statement_limit=None)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read the environment; raise `SettingsError` naming every problem.

        Without `TOLLKEEPER_ENV=production` this is a sandbox, whose secrets are generated once and kept below
        `instance`. Anybody can move a sandbox's clock, so it starts on this machine's own addresses only.
        """
        env = os.environ if env is None else env
        read = Environment(env)
        sandbox = read.choice("TOLLKEEPER_ENV", "sandbox", "production") == "sandbox"
        instance = Path(read.text("INSTANCE") or PROJECT / "instance").resolve()
        settings = cls(
            sandbox=sandbox, instance=instance,
            **_core(read, sandbox, instance), **_mail(read, sandbox), **_seller(read, sandbox),
            **_bounds(read, sandbox), **_payments(read),
        )  # fmt: skip
        problems = read.problems + _stripe(settings) + (_reachable_sandbox(settings, env) if sandbox else [])
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
        settings = Settings.from_env()
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
    origin = _ORIGIN.fullmatch(base_url)
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


def _stripe(settings: Settings) -> list[str]:
    """List what is wrong with the payment settings, without repeating a secret."""
    key, base, account = settings.stripe_secret_key, settings.stripe_api_base, settings.stripe_account
    test = re.fullmatch(r"[sr]k_test_\w+", key, re.ASCII)
    live = re.fullmatch(r"[sr]k_live_\w+", key, re.ASCII)
    secrets_good = all(re.fullmatch(r"whsec_[!-~]+", secret) for secret in settings.stripe_webhook_secrets)
    pages_good = all((at := _ORIGIN.fullmatch(page)) and (at[1] == "https" or is_loopback(at[2]))
                     for page in settings.stripe_page_hosts)  # fmt: skip
    host = _ORIGIN.fullmatch(base)
    checks = {
        "STRIPE_SECRET_KEY must be a secret or restricted key of Stripe: sk_test_…, sk_live_…, rk_…": (
            not key or test or live
        ),
        "STRIPE_SECRET_KEY is a live key: it needs TOLLKEEPER_ENV=production": not (live and settings.sandbox),
        "STRIPE_API_BASE may differ from Stripe's only with a test key and on a loopback host, without a path": (
            base == STRIPE or (test and host and is_loopback(host[2]))
        ),
        "STRIPE_WEBHOOK_SECRETS must hold the endpoint's secret (whsec_…), two with a comma during a roll": (
            secrets_good and (not key or settings.stripe_webhook_secrets)
        ),
        "STRIPE_PAGE_HOSTS must be https origins with commas between": pages_good,
        "STRIPE_ACCOUNT must be an account's id: acct_…": (
            account is None or re.fullmatch(r"acct_\w+", account, re.ASCII)
        ),
    }
    return [problem for problem, good in checks.items() if not good]


def _reachable_sandbox(settings: Settings, env: Mapping[str, str]) -> list[str]:
    """List what makes this sandbox more than one person's: an address or a database that others can reach."""
    origin = _ORIGIN.fullmatch(settings.base_url)
    databases = {
        "DATABASE_URL": settings.database_url,
        "OWNER_DATABASE_URL": settings.owner_database_url,
        "WORKER_DATABASE_URL": settings.worker_database_url,
    }
    remote = [name for name, url in databases.items() if url and not is_local_database(url, env)]
    if origin and not is_loopback(origin[2]):
        remote.insert(0, "BASE_URL")
    wanted = "a sandbox runs on loopback and with a database on a unix socket or loopback"
    return [f"{name} is another machine's, but {wanted}: set TOLLKEEPER_ENV=production" for name in remote]
