"""Settings: read once, wrong ones named together, nothing insecure by default in production."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from app.settings import PROJECT, Settings, SettingsError, parse_settings

GOOD = {
    "TOLLKEEPER_ENV": "production",
    "BASE_URL": "https://billing.example.com/",
    "SECRET_KEY": "s3cr3t-" + "0123456789abcdef" * 2,
    "KEY_PEPPER": "p3pp3r-" + "0123456789abcdef" * 2,
    "DATABASE_URL": "postgresql://tollkeeper_web:pw@db/tollkeeper",
    "SELLER_NAME": "Example Ltd",
    "SELLER_ADDRESS": "1 High Street; Leeds; United Kingdom",
}


def sandbox(instance: Path) -> dict[str, str]:
    """The least that a sandbox is told."""
    return {"INSTANCE": str(instance), "DATABASE_URL": "postgresql://tollkeeper_web@127.0.0.1/tollkeeper"}


def problems(env: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        parse_settings(env)
    return "\n".join(refused.value.problems)


def test_production_without_settings_names_each_that_is_missing() -> None:
    said = problems({"TOLLKEEPER_ENV": "production"})
    assert [name for name in GOOD if name != "TOLLKEEPER_ENV" and name not in said] == []


def test_the_seller_has_a_name_and_an_address_of_lines(tmp_path: Path) -> None:
    settings = parse_settings({**GOOD, "SELLER_TAX_ID": "GB123456789", "SELLER_BANK": " IBAN GB00 "})
    assert settings.seller_bank == "IBAN GB00"
    assert settings.seller_name == "Example Ltd"
    assert settings.seller_address == ("1 High Street", "Leeds", "United Kingdom")
    assert settings.seller_tax_id == "GB123456789"
    assert "SELLER_NAME and SELLER_ADDRESS must be set" in problems({**GOOD, "SELLER_ADDRESS": " ; "})
    assert parse_settings(sandbox(tmp_path)).seller_address


def test_a_sandbox_without_a_database_says_how_to_get_one(tmp_path: Path) -> None:
    assert problems({"INSTANCE": str(tmp_path)}) == (
        f"DATABASE_URL must be set: run `make run`, then `. {tmp_path / 'env'}`"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "flask", "--app", "wsgi", "doctor"],
        pytest.param(["-m", "app.worker"], marks=pytest.mark.long),
        pytest.param(["-c", "import wsgi"], marks=pytest.mark.long),
    ],
    ids=["command", "worker", "web"],
)
@pytest.mark.slow
def test_a_process_without_settings_ends_with_their_names_and_no_traceback(words: list[str], tmp_path: Path) -> None:
    env = {**{name: value for name, value in os.environ.items() if name not in GOOD}, "INSTANCE": str(tmp_path)}
    ended = subprocess.run([sys.executable, *words], cwd=PROJECT, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("The settings cannot be used:\nDATABASE_URL must be set: run `make run`")
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_a_command_without_its_database_says_how_to_start_it(tmp_path: Path) -> None:
    env = {**os.environ, **sandbox(tmp_path), "DATABASE_URL": f"postgresql://nobody@/nothing?host={tmp_path}"}
    words = [sys.executable, "-m", "flask", "--app", "wsgi", "audit", "verify"]
    ended = subprocess.run(words, cwd=PROJECT, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith(
        "Error: Cannot reach the database. Start it with `make run`, or correct DATABASE_URL.\n"
    )
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL", "http://billing.example.com"),
        ("BASE_URL", "https://"),
        ("BASE_URL", "https://billing.example.com/portal"),
        ("BASE_URL", "https://somebody@billing.example.com"),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "a" * 36),
        ("KEY_PEPPER", "abcabcabc" * 4),
        ("KEY_PEPPER", GOOD["SECRET_KEY"]),
        ("METRICS_TOKEN", "m"),
        ("METRICS_TOKEN", GOOD["KEY_PEPPER"]),
        ("SMTP_PORT", "smtp"),
        ("SMTP_PORT", "0"),
        ("SMTP_PORT", "65536"),
        ("HOT_POOL_SIZE", "0"),
        ("WEB_NODES", "0"),
        ("STAFF_REQUESTS_PER_MINUTE", "0"),
        ("TRUSTED_PROXIES", "-1"),
        ("EVENT_MAX_AGE_DAYS", "35.5"),
        ("EVENT_MAX_AHEAD_MINUTES", "61"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    assert name in problems({**GOOD, name: value})


def test_good_settings_are_read_and_tell_no_secret() -> None:
    token = "m3tr1cs-0123456789abcdef"
    settings = parse_settings({**GOOD, "SMTP_PASSWORD": "hunter22", "METRICS_TOKEN": token})
    assert settings.base_url == "https://billing.example.com"
    assert not settings.sandbox
    told = (GOOD["SECRET_KEY"], GOOD["KEY_PEPPER"], ":pw@", "hunter22", token)
    assert [secret for secret in told if secret in repr(settings)] == []


def test_a_refusal_repeats_no_secret() -> None:
    said = problems({**GOOD, "SECRET_KEY": "canary", "KEY_PEPPER": "canary", "METRICS_TOKEN": "canary"})
    assert [name for name in ("SECRET_KEY", "KEY_PEPPER", "METRICS_TOKEN") if name not in said] == []
    assert "canary" not in said


@pytest.mark.parametrize("word", ["Production", "prod", "PRODUCTION", "sandbox ", ""])
def test_an_unknown_kind_of_installation_is_refused(word: str, tmp_path: Path) -> None:
    for env in (GOOD, sandbox(tmp_path)):
        assert "TOLLKEEPER_ENV must be sandbox or production" in problems({**env, "TOLLKEEPER_ENV": word})


@pytest.mark.parametrize("given", [{}, {"TOLLKEEPER_ENV": "sandbox"}])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL", "https://billing.example.com"),
        ("BASE_URL", "http://0.0.0.0:5000"),
        ("BASE_URL", "http://localhost.example.com"),
        ("DATABASE_URL", "postgresql://tollkeeper_web:pw@db/tollkeeper"),
        ("DATABASE_URL", "postgresql://web@127.0.0.1,10.0.0.1/tollkeeper"),
        ("DATABASE_URL", "postgresql://web@localhost/tollkeeper?hostaddr=10.0.0.1"),
        ("DATABASE_URL", "postgresql:///tollkeeper?service=live"),
        ("OWNER_DATABASE_URL", "postgresql://owner@db/tollkeeper"),
        ("WORKER_DATABASE_URL", "host=db dbname=tollkeeper"),
    ],
)
def test_a_sandbox_that_others_can_reach_is_refused(
    given: dict[str, str], name: str, value: str, tmp_path: Path
) -> None:
    assert f"{name} is another machine's" in problems({**sandbox(tmp_path), **given, name: value})


@pytest.mark.parametrize("variable", ["PGHOST", "PGHOSTADDR", "PGSERVICE"])
def test_a_database_that_the_environment_names_counts_too(variable: str, tmp_path: Path) -> None:
    env = {**sandbox(tmp_path), "DATABASE_URL": "postgresql:///tollkeeper", variable: "db"}
    assert "DATABASE_URL is another machine's" in problems(env)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///tollkeeper",
        "postgresql://web@/tollkeeper?host=/var/run/postgresql",
        "postgresql://web@%2Ftmp%2Fsockets/tollkeeper",
        "postgresql://web@[::1]:5433/tollkeeper",
        "postgresql://web@localhost,127.0.0.1/tollkeeper",
        "host=@abstract dbname=tollkeeper",
    ],
)
def test_a_sandbox_on_this_machine_starts(url: str, tmp_path: Path) -> None:
    for base in ("http://127.0.0.1:5000", "http://localhost", "http://[::1]:5000"):
        assert parse_settings({**sandbox(tmp_path), "DATABASE_URL": url, "BASE_URL": base}).sandbox


def test_a_sandbox_makes_its_secrets_once_and_keeps_them_private(tmp_path: Path) -> None:
    first = parse_settings(sandbox(tmp_path))
    again = parse_settings(sandbox(tmp_path))
    assert first.secret_key == again.secret_key != first.key_pepper
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("secret_key", "key_pepper")} == {0o600}


def test_the_worker_has_its_own_role() -> None:
    url = "postgresql://tollkeeper_worker:pw@db/tollkeeper"
    assert parse_settings({**GOOD, "WORKER_DATABASE_URL": url}).for_worker().database_url == url


STRIPE = {"STRIPE_SECRET_KEY": "sk_live_canary4eC39H", "STRIPE_WEBHOOK_SECRETS": "whsec_canary1"}
TEST = {**STRIPE, "STRIPE_SECRET_KEY": "sk_test_canary4eC39H"}


def test_without_a_key_payments_are_off_and_that_is_normal() -> None:
    for env in ({}, {"STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRETS": "", "STRIPE_API_BASE": ""}):
        settings = parse_settings({**GOOD, **env})
        assert (settings.stripe_on, settings.stripe_livemode) == (False, False)
        assert settings.stripe_api_base == "https://api.stripe.com"


def test_payments_are_switched_on_by_a_key_and_its_secrets() -> None:
    told = {"STRIPE_WEBHOOK_SECRETS": "whsec_canary1, whsec_canary2", "STRIPE_ACCOUNT": "acct_1", "GRACE_DAYS": "3"}
    settings = parse_settings({**GOOD, **STRIPE, **told})
    assert (settings.stripe_on, settings.stripe_livemode) == (True, True)
    assert settings.stripe_webhook_secrets == ("whsec_canary1", "whsec_canary2")
    assert (settings.stripe_account, settings.grace) == ("acct_1", timedelta(days=3))
    assert "https://checkout.stripe.com" in settings.stripe_page_hosts
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:12111", "http://localhost:1/", "http://[::1]:1", "http://127.9.9.9"]
)
def test_a_stand_in_on_loopback_is_taken_with_a_test_key(base: str) -> None:
    for key in ("sk_test_canary", "rk_test_canary"):
        settings = parse_settings({**GOOD, **TEST, "STRIPE_SECRET_KEY": key, "STRIPE_API_BASE": base})
        assert settings.stripe_api_base == base.rstrip("/")
        assert not settings.stripe_livemode


@pytest.mark.parametrize(
    "base",
    [
        "http://api.stripe.com",
        "https://api.stripe.com.evil.example",
        "https://evil.example",
        "http://10.0.0.1:12111",
        "http://0.0.0.0:12111",
        "http://127.0.0.1@evil.example",
        "http://somebody:canary@127.0.0.1",
        "http://127.0.0.1:12111/v1",
        "http://127.0.0.1:12111?x",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://127.1",
        "ftp://127.0.0.1",
        "127.0.0.1:12111",
        "http://127.0.0.1\n",
    ],
)
def test_another_base_than_stripes_is_refused(base: str) -> None:
    for key in ("sk_test_canary", "sk_live_canary", ""):
        said = problems({**GOOD, **TEST, "STRIPE_SECRET_KEY": key, "STRIPE_API_BASE": base})
        assert "STRIPE_API_BASE" in said
        assert "canary" not in said


@pytest.mark.parametrize("key", ["sk_live_canary", "rk_live_canary", ""])
def test_a_stand_in_is_refused_without_a_test_key(key: str) -> None:
    wrong = {**GOOD, **STRIPE, "STRIPE_SECRET_KEY": key, "STRIPE_API_BASE": "http://127.0.0.1:12111"}
    assert "STRIPE_API_BASE" in problems(wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_SECRET_KEY", "pk_live_canary"),
        ("STRIPE_SECRET_KEY", "canary"),
        ("STRIPE_SECRET_KEY", "sk_live_canary\r\nX: y"),
        ("STRIPE_SECRET_KEY", "sk_test_"),
        ("STRIPE_WEBHOOK_SECRETS", ""),
        ("STRIPE_WEBHOOK_SECRETS", " , "),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_canary,canary"),
        ("STRIPE_PAGE_HOSTS", "http://pay.example.com"),
        ("STRIPE_PAGE_HOSTS", "https://pay.example.com; script-src *"),
        ("STRIPE_PAGE_HOSTS", "https://pay.example.com/c"),
        ("STRIPE_ACCOUNT", "canary"),
        ("GRACE_DAYS", "-1"),
        ("INVOICE_SERIES", ""),
        ("INVOICE_SERIES", "INV-2026"),
        ("INVOICE_SERIES", "ABCDEFGHIJKLM"),
    ],
)
def test_a_wrong_setting_of_payments_is_refused_by_name_and_not_repeated(name: str, value: str) -> None:
    said = problems({**GOOD, **STRIPE, name: value})
    assert name in said
    assert "canary" not in said


def test_real_money_does_not_meet_a_movable_clock(tmp_path: Path) -> None:
    said = problems({**sandbox(tmp_path), **STRIPE})
    assert "TOLLKEEPER_ENV=production" in said
    assert parse_settings({**sandbox(tmp_path), **TEST}).stripe_on


def test_the_worker_and_commands_are_patient() -> None:
    settings = parse_settings({**GOOD, **STRIPE})
    assert not settings.is_background
    assert settings.for_worker().is_background
    assert settings.for_command().is_background


def test_waits_and_costs_keep_product_values_where_no_test_lowers_them() -> None:
    """Pages end within six seconds, a revoked key within one, and a password costs what OWASP asks."""
    waits = (Settings.stripe_page_limit, Settings.payments_page_wait, Settings.payments_task_wait, Settings.key_memory)
    assert [wait.total_seconds() for wait in waits] == [5, 3, 60, 1]
    assert (Settings.password_memory, Settings.password_passes) == (19 * 1024 * 1024, 2)
