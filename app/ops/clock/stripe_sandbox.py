"""The stand-in for Stripe, as the mover sees it: it works by the clock's file, and tells what it still has to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec
import requests

_LIMITS = (1.0, 10.0)
_AWAY = "the Stripe sandbox does not answer"


class State(msgspec.Struct):
    """What `GET /sandbox/clock` says: what it does now, and when it next has something to do (Unix seconds)."""

    busy: list[str]
    next: int | None


@dataclass(frozen=True)
class StripeSandbox:
    """`url` is the address of its control page."""

    url: str

    def next_due(self, after: datetime, until: datetime) -> datetime | None:
        """When it next renews, bills, retries or expires something."""
        state = self._ask()
        at = None if state is None or state.next is None else datetime.fromtimestamp(state.next, UTC)
        return at if at is not None and after < at <= until else None

    def arrive(self) -> None:
        """It reads the clock itself."""

    def settle(self) -> list[str]:
        """What it still does: work that is due, webhooks that nobody has taken yet and no fault holds back."""
        state = self._ask()
        return [_AWAY] if state is None else state.busy

    def _ask(self) -> State | None:
        try:
            answer = requests.get(f"{self.url}/clock", timeout=_LIMITS, allow_redirects=False)
            return _read(answer)
        except (requests.RequestException, msgspec.DecodeError):
            return None


def _read(answer: Any) -> State | None:
    return msgspec.json.decode(answer.content, type=State) if answer.status_code == HTTPStatus.OK else None
