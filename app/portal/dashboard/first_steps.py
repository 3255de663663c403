"""The checklist for a new organisation: four steps. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from app.portal.dashboard.view_models import ChecklistStep, EventRow
from app.statements.current_usage import CurrentUsage
from app.web.addresses import path_to

SHOWN_FOR = timedelta(days=1)
"""How long the checklist stays after the first event if steps are left."""


def is_shown(usage: CurrentUsage, events: Sequence[EventRow]) -> bool:
    """Show the checklist until the first event and for a day after, while all events fit the list of the latest."""
    if not usage.ever_used:
        return True
    return 0 < len(events) < _FEW and usage.as_of - events[-1].at < SHOWN_FOR


def list_steps(usage: CurrentUsage, facts: Row[Any], base_url: str, *, may_manage: bool) -> list[ChecklistStep]:
    """The four steps; buttons appear only for members who may use them."""
    meter = usage.meters[0].key if usage.meters else "api_calls"
    return [
        ChecklistStep(
            "Create an API key",
            "Your product uses it to authenticate its calls. It is shown only once.",
            done=facts.has_key,
            action_href=path_to("accounts.keys") if may_manage else None,
            action_label="Create a key",
        ),
        ChecklistStep(
            "Send your first event",
            "Recorded." if usage.ever_used else "Run this with your own key. This step completes by itself.",
            done=usage.ever_used,
            waiting=not usage.ever_used,
            code=build_curl(base_url, meter),
        ),
        ChecklistStep(
            "Invite a colleague",
            "Each role sees what it needs: billing members see bills, viewers change nothing.",
            done=facts.members > 1,
            action_href=path_to("accounts.members_page") if may_manage else None,
            action_label="Invite someone",
        ),
        ChecklistStep(
            "Choose a plan",
            f"You are on {usage.plan_name}. A larger plan raises your limits at once.",
            done=facts.has_plan,
            action_href=path_to("plans.index"),
            action_label="Compare plans",
        ),
    ]


def build_curl(base_url: str, meter: str, key: str = "$TOLLKEEPER_KEY", event_id: str = "my-first-event") -> str:
    """A curl command that sends one event; it works as pasted once the key is real."""
    body = json.dumps({"id": event_id, "meter": meter, "quantity": 1})
    return (
        f'curl {base_url}/api/v1/usage/events -H "Authorization: Bearer {key}"'
        f" -H \"Content-Type: application/json\" -d '{body}'"
    )


_FEW = 10
