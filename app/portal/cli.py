"""Commands that look at the whole installation: `doctor`, `demo`, and the sandbox's `clock`."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import timedelta

import click
from flask.cli import AppGroup, with_appcontext

from app.kit.clock import OffsetClock
from app.portal import doctor as examination
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
    click.echo(f"business  {moved.advance(read_span(span)).isoformat(timespec='seconds')}")


def read_span(text: str) -> timedelta:
    """3d as three days; `click.BadParameter` for anything else."""
    found = _SPAN.match(text)
    if found is None:
        raise click.BadParameter("write a number and s, m, h, d or w, such as 3d", param_hint="SPAN")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
