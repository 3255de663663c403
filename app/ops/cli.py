"""Commands that look at the whole installation: `doctor`, `demo`, and the sandbox's `clock`."""

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
from app.metering.partitions import ensure_partitions
from app.ops import demo as seeds
from app.ops import doctor as examination
from app.web.runtime import runtime

_SPAN = re.compile(r"(\d{1,5})([smhdw])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MARKS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}

clock = AppGroup("clock", help="The sandbox's movable business clock.")


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@with_appcontext
def doctor(*, as_json: bool) -> None:
    """Check the whole installation and say how to mend what is wrong; exit 1 when something is.

    Example: flask doctor --json
    """
    found = examination.examine(runtime().settings)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
    else:
        for each in found:
            click.echo(f"{_MARKS[each.status]}  {each.name}: {each.detail}")
            if each.fix:
                click.echo(f"         {each.fix}")
    if any(each.status == "failed" for each in found):
        raise SystemExit(1)


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print what is written to demo.json.")
@with_appcontext
def demo(*, as_json: bool) -> None:
    """Seed the sandbox with accounts in every state and print how to sign in. A second run changes nothing.

    The same facts stand in INSTANCE/demo.json. Example: flask demo
    """
    settings = runtime().settings
    if not settings.sandbox:
        raise click.ClickException("The demo is for a sandbox; this installation is in production.")
    path = settings.instance / "demo.json"
    accounts, key = seeds.seed(lambda words: click.echo(words, err=True), _kept_key(path))
    facts: dict[str, Any] = {
        "base_url": settings.base_url,
        "mailbox_url": settings.mailbox_url,
        "accounts": [seeds.as_dict(account) for account in accounts],
        "api_key": key,
        "curl": seeds.curl(settings.base_url, key),
    }
    _write_privately(path, json.dumps(facts, indent=2) + "\n")
    click.echo(json.dumps(facts, indent=2) if as_json else _told(facts))


def _kept_key(path: Path) -> str | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))["api_key"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return kept if isinstance(kept, str) else None


def _write_privately(path: Path, text: str) -> None:
    """Readable by the owner alone from its first byte on; it holds passwords and a key."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def _told(facts: dict[str, Any]) -> str:
    width = max(len(account["email"]) for account in facts["accounts"])
    lines = [f"Portal   {facts['base_url']}"]
    if facts["mailbox_url"]:
        lines.append(f"Mailbox  {facts['mailbox_url']}")
    lines += ["", "Accounts (e-mail, password, what to see):"]
    lines += [f"  {a['email']:<{width}}  {a['password']}  {a['state']}" for a in facts["accounts"]]
    lines += ["", f"API key of steady@demo.example: {facts['api_key']}", "Paste this and watch that bar move:"]
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

    Example: flask clock advance 3d
    """
    moved = runtime().clocks.business
    if not isinstance(moved, OffsetClock):
        raise click.ClickException("Only a sandbox has a movable clock (TOLLKEEPER_ENV is production here).")
    now = moved.advance(read_span(span))
    ensure_partitions()  # the month jumped to must not wait for tomorrow's sweep
    click.echo(f"business  {now.isoformat(timespec='seconds')}")


def read_span(text: str) -> timedelta:
    """3d as three days; `click.BadParameter` for anything else."""
    found = _SPAN.match(text)
    if found is None:
        raise click.BadParameter("write a number and s, m, h, d or w, such as 3d", param_hint="SPAN")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
