"""The settings of a test installation."""

from __future__ import annotations

from datetime import timedelta

from app.settings import PROJECT, Settings
from tests.support.roles import as_app


def make_settings(database: str, **changed: object) -> Settings:
    """Settings of a test installation on `database`."""
    instance = PROJECT / "instance" / "test"
    given: dict[str, object] = {
        "sandbox": True,
        "secret_key": "test-secret-key-test-secret-key-test-secret",
        "key_pepper": "test-key-pepper-test-key-pepper-test-pepper",
        "base_url": "http://localhost",
        "seller_name": "Toll Ltd",
        "database_url": as_app(database),
        "owner_database_url": database,
        "worker_database_url": as_app(database),
        "instance": instance,
        "metrics_token": "test-metrics-token",
        "key_memory": timedelta(seconds=0.5),
        "password_memory": 64 * 1024,
        "password_passes": 1,
        # Longer than the product's: a busy machine is no finding. Tests of the limit itself set their own.
        "stripe_page_limit": timedelta(seconds=20),
    }
    return Settings(**{**given, **changed})  # type: ignore[arg-type]
