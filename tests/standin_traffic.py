"""Checks what the stand-in is asked and what it says against Stripe's description, where that is at hand."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any

from sandbox.standin import API_VERSION
from sandbox.standin.http.api import ApiCall, ApiReply
from sandbox.standin.http.app import Exchange

CHECKER = Path(__file__).resolve().parents[2] / "shared" / "stripe" / "check.py"


class Traffic:
    """Every message of the session, checked against Stripe's description where that is at hand."""

    def __init__(self) -> None:
        self.count = 0
        self.violations: list[str] = []

    @cached_property
    def checker(self) -> Any:
        """`check.py`, loaded as a module; None where it is not at hand."""
        if not CHECKER.exists():
            return None
        described = importlib.util.spec_from_file_location("stripe_check", CHECKER)
        assert described
        assert described.loader
        module = importlib.util.module_from_spec(described)
        described.loader.exec_module(module)
        checker = module.Checker(module.Spec(module.DEFAULT_SPEC))
        checker.expansions = module.expansions
        return checker

    def exchange(self, seen: Exchange, *, lenient: bool) -> None:
        """Check a call and its answer; `lenient` leaves the call itself alone."""
        if self.checker is None:
            return
        call, reply = seen.call, seen.reply
        what = f"{call.method} {call.path}"
        if not lenient:
            errors = self.checker.request(call.method, call.path, call.query, call.body)
            if call.version != API_VERSION:
                errors.append(("Stripe-Version", f"{call.version}, expected {API_VERSION}"))
            self._note(f"request {what}", errors)
        if reply.status and not (lenient and reply.status == 404):
            given, _ = self.checker.parameters(call.query, call.body, "application/x-www-form-urlencoded")
            expanded = self.checker.expansions(given)
            errors = self.checker.response(call.method, call.path, reply.status, reply.body, expanded)
            self._note(f"answer {what} {reply.status}", errors)

    def event(self, event: dict[str, Any]) -> None:
        """Check an event as it is emitted."""
        if self.checker is not None:
            self._note(f"event {event['type']}", self.checker.event(json.dumps(event)))

    def kept(self, path: Path) -> None:
        """Check what a stand-in process has kept; raises AssertionError naming what is not as Stripe describes it."""
        before = len(self.violations)
        checked: set[tuple[Any, ...]] = set()  # whoever waits for something asks the same and hears the same
        for line in path.read_text(encoding="utf-8").splitlines():
            seen = json.loads(line)
            if "event" in seen:
                self.event(seen["event"])
                continue
            call, reply = ApiCall(**seen["call"]), ApiReply(**seen["reply"])
            same = (call.method, call.path, call.query, call.body, call.version, reply.status, reply.body)
            if same in checked:
                self.count += 2
            else:
                checked.add(same)
                self.exchange(Exchange(call, reply), lenient=False)
        found = Counter(self.violations[before:]).most_common(40)
        assert not found, "not as Stripe describes it:\n" + "\n".join(f"{n} x {what}" for what, n in found)

    def _note(self, what: str, errors: list[tuple[str, str]]) -> None:
        self.count += 1
        self.violations += [f"{what}: {where}: {problem}" for where, problem in errors]


TRAFFIC = Traffic()
"""That of this process of the tests."""
