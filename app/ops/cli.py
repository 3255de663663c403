"""Commands for the whole installation: `doctor`, `demo`, and the sandbox's `clock`."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup, with_appcontext

from app.kit.clock import OffsetClock
from app.ops import demo as seeds
from app.ops import doctor as checks
from app.ops.clock.move import Moving, move_clock
from app.ops.clock.mover import Stopped
from app.web.runtime import runtime

_SPAN = re.compile(r"(\d{1,5}|\d{1,9}(?=s))([smhdw])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MARKS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}

clock = AppGroup("clock", help="The sandbox's movable business clock.")


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@with_appcontext
def doctor(*, as_json: bool) -> None:
    """Check the whole installation and say how to fix what is wrong; exit 1 if a check fails.

    Example: flask doctor --json
    """
    findings = checks.run_checks(runtime().settings)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{_MARKS[finding.status]}  {finding.name}: {finding.detail}")
            if finding.fix:
                click.echo(f"         {finding.fix}")
    if any(finding.status == "failed" for finding in findings):
        raise SystemExit(1)


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print what is written to demo.json.")
@with_appcontext
def demo(*, as_json: bool) -> None:
    """Seed the sandbox with accounts in every state and print how to sign in. Running it again changes nothing.

    INSTANCE/demo.json holds the same facts. Example: flask demo
    """
    settings = runtime().settings
    if not settings.sandbox:
        raise click.ClickException("The demo needs a sandbox; this installation runs in production.")
    path = settings.instance / "demo.json"
    accounts, key = seeds.seed(lambda line: click.echo(line, err=True), _read_key(path))
    facts: dict[str, Any] = {
        "base_url": settings.base_url,
        "mailbox_url": settings.mailbox_url,
        "accounts": [seeds.as_dict(account) for account in accounts],
        "api_key": key,
        "curl": seeds.curl(settings.base_url, key),
    }
    _write_privately(path, json.dumps(facts, indent=2) + "\n")
    click.echo(json.dumps(facts, indent=2) if as_json else _render_summary(facts))


def _read_key(path: Path) -> str | None:
    try:
        key = json.loads(path.read_text(encoding="utf-8"))["api_key"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return key if isinstance(key, str) else None


def _write_privately(path: Path, text: str) -> None:
    """Create the file readable by its owner only, from the first byte: it holds passwords and a key."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def _render_summary(facts: dict[str, Any]) -> str:
    width = max(len(account["email"]) for account in facts["accounts"])
    lines = [f"Portal   {facts['base_url']}"]
    if facts["mailbox_url"]:
        lines.append(f"Mailbox  {facts['mailbox_url']}")
    lines += ["", "Accounts (email, password, what to see):"]
    lines += [f"  {a['email']:<{width}}  {a['password']}  {a['state']}" for a in facts["accounts"]]
    lines += ["", f"API key of steady@demo.example: {facts['api_key']}", "Run this and watch the usage bar move:"]
    return "\n".join([*lines, facts["curl"]])


@clock.command("show")
def show() -> None:
    """Print both clocks.

    Example: flask clock show
    """
    clocks = runtime().clocks
    click.echo(f"business  {clocks.business.now().isoformat(timespec='seconds')}")
    click.echo(f"wall      {clocks.wall.now().isoformat(timespec='seconds')}")


@clock.command("advance")
@click.argument("span")
def advance(span: str) -> None:
    """Move the business clock forward by SPAN: 90s, 30m, 12h, 3d or 2w. It never goes back.

    It stops at every instant at which something is due, until Stripe's sandbox and the portal are done with it. If they
    are not after 30 seconds, it stays there, says what was not done, and exits with 1.

    Example: flask clock advance 3d
    """
    business = runtime().clocks.business
    if not isinstance(business, OffsetClock):
        raise click.ClickException("Only a sandbox has a movable clock; here TOLLKEEPER_ENV is production.")
    try:
        now = move_clock(business, business.now() + parse_span(span))
    except Moving:
        raise click.ClickException("The clock is moving already; wait until that is done.") from None
    except Stopped as stopped:
        raise click.ClickException(f"The clock stopped at {stopped}") from None
    click.echo(f"business  {now.isoformat(timespec='seconds')}")


def parse_span(text: str) -> timedelta:
    """Parse 3d as three days; `click.BadParameter` for anything else."""
    match = _SPAN.match(text)
    if match is None:
        raise click.BadParameter("use a number followed by s, m, h, d or w, such as 3d", param_hint="SPAN")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
