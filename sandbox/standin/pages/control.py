"""The control page `/sandbox` and its JSON: faults, clock, recent webhooks, test cards."""

from __future__ import annotations

import json
import time
from typing import Any

from sandbox.standin.engine import cards, retry_settings, webhook_deliveries
from sandbox.standin.errors import invalid
from sandbox.standin.pages.rendering import render
from sandbox.standin.routes import page
from sandbox.standin.store import faults
from sandbox.standin.store.world import World
from sandbox.web_pages import Page, redirect

SHOWN = 30
MAX_DAYS = 800


@page("GET", "/")
def root(_world: World, _form: dict[str, str]) -> Page:
    return redirect("/sandbox")


@page("GET", "/sandbox")
def show(world: World, form: dict[str, str]) -> Page:
    rows = world.store.db.execute(
        "SELECT d.event, d.state, d.tries, d.note FROM deliveries d ORDER BY d.seq DESC LIMIT ?", (SHOWN,)
    ).fetchall()
    recent = [
        {
            "event": event,
            "type": (world.find(event) or {}).get("type", ""),
            "state": state,
            "tries": tries,
            "note": note,
        }
        for event, state, tries, note in rows
    ]
    waiting = world.store.db.execute("SELECT count(*) FROM deliveries WHERE state = 'waiting'").fetchone()[0]
    return render(
        "control.html",
        now=world.now(),
        deliveries=recent,
        waiting=waiting,
        switches=world.faults.as_dict(),
        kinds=faults.KINDS,
        billing=retry_settings.read(world),
        after=retry_settings.AFTER,
        cards=cards.CARDS,
        notice=form.get("notice", ""),
    )


@page("GET", "/sandbox/faults")
def read(world: World, _form: dict[str, str]) -> Page:
    return _json(world)


@page("POST", "/sandbox/faults")
def change(world: World, form: dict[str, str]) -> Page:
    """JSON: `{"api": {"kind": …, "times": …, "path": …, "method": …, "seconds": …}}` (or a list), `{"webhooks": {…}}`,
    `{"billing": {"retry_days": [3, 5, 7], "after_retries": "unpaid"}}`, `{"clear": true}`; or the page's own forms.
    """
    if "json" not in form:
        _apply_form(world, form)
        return redirect("/sandbox")
    try:
        requested = json.loads(form["json"])
    except ValueError:
        raise invalid("Not JSON.") from None
    if requested.get("clear"):
        world.faults.clear()
    api = requested.get("api", [])
    for fault in api if isinstance(api, list) else [api]:
        more = dict(fault)
        world.faults.add(more.pop("kind", ""), **more)
    world.faults.set_webhooks(**requested.get("webhooks", {}))
    if "billing" in requested:
        _change_billing(world, requested["billing"])
    return _json(world)


@page("GET", "/sandbox/clock")
def tell(world: World, _form: dict[str, str]) -> Page:
    """JSON: `busy` names what is due or to be delivered now, `next` is when work is due next."""
    due = world.store.next_due(world.now())
    busy = [f"{due[2]} is due at Stripe"] if due else []
    busy += [f"webhook {event} waits" for event in webhook_deliveries.list_due(world, time.time())]
    return _as_json({"now": world.now(), "next": world.store.next_at(), "busy": busy})


@page("POST", "/sandbox/clock")
def move(world: World, form: dict[str, str]) -> Page:
    """Move the portal's clock and this one forward by `days` and `hours`."""
    days, hours = form.get("days", "") or "0", form.get("hours", "") or "0"
    if not (days.isdecimal() and hours.isdecimal() and int(days) <= MAX_DAYS and int(hours) <= 24 * MAX_DAYS):
        raise invalid(f"Days (up to {MAX_DAYS}) and hours are whole numbers.")
    world.clock.advance(int(days) * retry_settings.DAY + int(hours) * 3600)
    return redirect("/sandbox")


def _apply_form(world: World, form: dict[str, str]) -> None:
    what = form.get("do", "")
    if what == "clear":
        world.faults.clear()
    elif what == "api":
        given = {name: form[name] for name in ("times", "path", "method", "seconds") if form.get(name)}
        world.faults.add(form.get("kind", ""), **given)
    elif what == "webhooks":
        numbers = {name: form.get(name) or "0" for name in ("drop", "duplicate", "delay")}
        world.faults.set_webhooks(hold="hold" in form, reorder="reorder" in form, **numbers)
    elif what == "billing":
        days = [int(day) for day in form.get("retry_days", "").replace(",", " ").split() if day.isdecimal()]
        _change_billing(world, {"retry_days": days, "after_retries": form.get("after_retries")})


def _change_billing(world: World, requested: dict[str, Any]) -> None:
    days = requested.get("retry_days")
    retry_settings.write(
        world, retry_days=None if days is None else tuple(days), after_retries=requested.get("after_retries")
    )


def _json(world: World) -> Page:
    billing = retry_settings.read(world)
    state = {
        **world.faults.as_dict(),
        "billing": {"retry_days": billing.retry_days, "after_retries": billing.after_retries},
    }
    return _as_json(state)


def _as_json(answer: dict[str, Any]) -> Page:
    return Page(json.dumps(answer, indent=1), kind="application/json")
