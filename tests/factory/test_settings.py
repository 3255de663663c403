"""Settings: read once, wrong ones named together, nothing insecure by default in production."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import Settings, SettingsError

GOOD = {
    "TOLLKEEPER_ENV": "production",
    "BASE_URL": "https://billing.example.com/",
    "SECRET_KEY": "s" * 32,
    "KEY_PEPPER": "p" * 32,
    "DATABASE_URL": "postgresql://tollkeeper_web:pw@db/tollkeeper",
}


def problems(env: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(env)
    return "\n".join(refused.value.problems)


def test_production_without_settings_names_each_that_is_missing() -> None:
    said = problems({"TOLLKEEPER_ENV": "production"})
    assert [name for name in GOOD if name != "TOLLKEEPER_ENV" and name not in said] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL", "http://billing.example.com"),
        ("SECRET_KEY", "short"),
        ("KEY_PEPPER", "short"),
        ("SMTP_PORT", "smtp"),
        ("TRUSTED_PROXIES", "-1"),
        ("EVENT_MAX_AGE_DAYS", "35.5"),
        ("EVENT_MAX_AHEAD_MINUTES", "61"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    assert name in problems({**GOOD, name: value})


def test_good_settings_are_read_and_tell_no_secret() -> None:
    settings = Settings.from_env({**GOOD, "SMTP_PASSWORD": "hunter22", "METRICS_TOKEN": "m" * 20})
    assert settings.base_url == "https://billing.example.com"
    assert not settings.sandbox
    assert [secret for secret in ("s" * 32, "p" * 32, ":pw@", "hunter22", "m" * 20) if secret in repr(settings)] == []


def test_a_sandbox_makes_its_secrets_once_and_keeps_them_private(tmp_path: Path) -> None:
    first = Settings.from_env({"INSTANCE": str(tmp_path)})
    again = Settings.from_env({"INSTANCE": str(tmp_path)})
    assert first.secret_key == again.secret_key != first.key_pepper
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("secret_key", "key_pepper")} == {0o600}


def test_the_worker_has_its_own_role() -> None:
    url = "postgresql://tollkeeper_worker:pw@db/tollkeeper"
    assert Settings.from_env({**GOOD, "WORKER_DATABASE_URL": url}).for_worker().database_url == url
