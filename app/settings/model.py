"""What an installation can configure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
STRIPE = "https://api.stripe.com"
STRIPE_PAGES = ("https://checkout.stripe.com", "https://billing.stripe.com", "https://invoice.stripe.com")


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
