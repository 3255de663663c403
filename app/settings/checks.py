"""What is wrong with settings that are well-formed one by one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.kit.local_addresses import is_local_database, is_loopback
from app.settings.model import STRIPE, Settings

ORIGIN = re.compile(r"(https?)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)


def check_stripe(settings: Settings) -> list[str]:
    """List what is wrong with the payment settings, without repeating a secret."""
    key, base, account = settings.stripe_secret_key, settings.stripe_api_base, settings.stripe_account
    test = re.fullmatch(r"[sr]k_test_\w+", key, re.ASCII)
    live = re.fullmatch(r"[sr]k_live_\w+", key, re.ASCII)
    secrets_good = all(re.fullmatch(r"whsec_[!-~]+", secret) for secret in settings.stripe_webhook_secrets)
    pages_good = all((at := ORIGIN.fullmatch(page)) and (at[1] == "https" or is_loopback(at[2]))
                     for page in settings.stripe_page_hosts)  # fmt: skip
    host = ORIGIN.fullmatch(base)
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


def check_sandbox(settings: Settings, env: Mapping[str, str]) -> list[str]:
    """List what makes this sandbox more than one person's: an address or a database that others can reach."""
    origin = ORIGIN.fullmatch(settings.base_url)
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
