"""compose.yaml is an installation that takes payments: all settings are passed, bad ones refused, one door is open."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click
import pytest
from flask import Flask

from app import cli
from app.settings import PROJECT, SettingsError, parse_settings
from tests.support.compose import (
    ComposeRefused,
    fill_template,
    image_environment,
    named_commands,
    proxy_template,
    services,
)

DOT_ENV = {
    "BASE_URL": "https://billing.example.com",
    "TLS_FOLDER": "/etc/tollkeeper/tls",
    "SMTP_HOST": "smtp.example.com",
    "MAIL_FROM": "Billing <billing@example.com>",
    "SECRET_KEY": "s3cr3t-" + "0123456789abcdef" * 2,
    "KEY_PEPPER": "p3pp3r-" + "0123456789abcdef" * 2,
    "SELLER_NAME": "Example Ltd",
    "SELLER_ADDRESS": "1 High Street; Leeds; United Kingdom",
    "POSTGRES_PASSWORD": "superuser",
    "OWNER_PASSWORD": "owner",
    "WEB_PASSWORD": "web",
    "WORKER_PASSWORD": "worker",
}
PAYING = {
    "STRIPE_SECRET_KEY": "sk_live_0123456789",
    "STRIPE_WEBHOOK_SECRETS": "whsec_0123456789",
    "METRICS_TOKEN": "m3tr1cs-" + "0123456789abcdef",
    "GRACE_DAYS": "3",
    "CLOSE_GRACE_MINUTES": "90",
    "WEB_NODES": "3",
}
PRODUCT = ("upgrade", "commands", "doctor", "web", "worker")
# In production these come from the image, have one right value, or are another process's.
NOT_PASSED = {"TOLLKEEPER_ENV", "STRIPE_API_BASE", "OWNER_DATABASE_URL", "WORKER_DATABASE_URL"}


def environment(name: str, **changed: str) -> dict[str, str]:
    """What a process of the service is told by image and compose file."""
    told = services({**DOT_ENV, **changed})[name]["environment"]
    return {**image_environment(), **{key: str(value) for key, value in told.items()}}


def settings_of_production() -> set[str]:
    page = (PROJECT / "docs" / "operating.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \| [^|]+ \| ([^|]+) \|", page, re.MULTILINE)
    wanted = {
        name
        for names, meaning in rows
        if not meaning.startswith(("sandbox:", "`make run`"))
        for name in re.findall(r"[A-Z_]+", names)
    }
    assert len(wanted) > 20
    return wanted - NOT_PASSED


@pytest.mark.parametrize("name", PRODUCT)
def test_every_setting_of_production_reaches(name: str) -> None:
    assert settings_of_production() - environment(name).keys() == set()


@pytest.mark.parametrize("name", PRODUCT)
def test_the_settings_work_without_and_with_payments(name: str) -> None:
    assert parse_settings(environment(name)).stripe_on is False
    read = parse_settings(environment(name, **PAYING))
    assert (read.stripe_on, read.grace, read.web_nodes, read.sandbox) == (True, timedelta(days=3), 3, False)
    assert (read.stripe_secret_key, read.metrics_token) == (PAYING["STRIPE_SECRET_KEY"], PAYING["METRICS_TOKEN"])
    assert (read.base_url, read.trusted_proxies) == (DOT_ENV["BASE_URL"], 1)


@pytest.mark.parametrize("missing", DOT_ENV)
def test_compose_refuses_to_start_without(missing: str) -> None:
    with pytest.raises(ComposeRefused, match=missing):
        services({**DOT_ENV, missing: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL", "http://billing.example.com"),
        ("SECRET_KEY", "short"),
        ("KEY_PEPPER", DOT_ENV["SECRET_KEY"]),
        ("METRICS_TOKEN", "short"),
        ("STRIPE_SECRET_KEY", "pk_live_1"),
        ("STRIPE_WEBHOOK_SECRETS", ""),
        ("STRIPE_ACCOUNT", "mine"),
        ("GRACE_DAYS", "a week"),
        ("INVOICE_SERIES", "inv-"),
        ("WEB_NODES", "0"),
        ("SMTP_PORT", "smtp"),
        ("EVENT_MAX_AHEAD_MINUTES", "61"),
    ],
)
def test_the_web_process_refuses_to_start_with(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_settings(environment("web", **{**PAYING, name: value}))
    assert any(name in problem for problem in refused.value.problems)


def test_the_server_starts_as_many_processes_as_compose_is_told() -> None:
    assert environment("web")["GRANIAN_WORKERS"] == "2"
    assert environment("web", WEB_PROCESSES="6")["GRANIAN_WORKERS"] == "6"


def test_each_process_has_its_own_role() -> None:
    roles = {name: re.findall(r"//(\w+):(\w*)@", environment(name)["DATABASE_URL"]) for name in PRODUCT}
    owner, web = [("tollkeeper_owner", "owner")], [("tollkeeper_web", "web")]
    worker = [("tollkeeper_worker", "worker")]
    assert roles == {"upgrade": owner, "commands": owner, "doctor": web, "web": web, "worker": worker}


def test_only_the_proxy_is_reached_from_outside() -> None:
    started = services(DOT_ENV)
    assert {name: each["ports"] for name, each in started.items() if "ports" in each} == {"proxy": ["80:80", "443:443"]}


def test_the_proxy_is_told_all_that_its_configuration_asks_for_and_nothing_else() -> None:
    proxy = services(DOT_ENV)["proxy"]
    told = {name: value for name, value in proxy["environment"].items() if not name.startswith("NGINX_")}
    assert f"{DOT_ENV['TLS_FOLDER']}:{told['TLS']}:ro" in proxy["volumes"]
    text = proxy_template(proxy).read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert set(re.findall(r"\$\{(\w+)\}", lines)) == told.keys()
    assert "${" not in fill_template(text, told)


def test_the_commands_that_the_file_names_exist(app: Flask) -> None:
    if "doctor" not in app.cli.commands:
        cli.register(app)
    assert [" ".join(words[1:3]) for _, words in named_commands()] == [
        "catalog apply", "accounts create-user", "catalog push", "",
    ]  # fmt: skip
    for service, words in named_commands():
        _parse(app.cli, (words or services(DOT_ENV)[service]["command"])[1:])


def _parse(command: Any, words: list[str]) -> None:
    """Let Click read the words, down to the command that would run; raises `click.UsageError` if it cannot."""
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    prompted = [each.opts[0] for each in command.params if getattr(each, "prompt", None)]
    command.make_context("flask", [*words, *(word for name in prompted for word in (name, "unused"))])
