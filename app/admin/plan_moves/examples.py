"""Examples of the staff API of moves for the reference."""

from __future__ import annotations

from typing import Any

from app.admin.plan_versions.draft_schemas import CHECKED

_ORG_ID, _MOVE_ID = "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e01", "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e60"
_DAYS = {"fee_at": "2027-01-15T09:00:00Z", "usage_at": "2027-01-01T00:00:00Z"}

PREVIEW: dict[str, Any] = {
    "plan": "pro",
    "from_version": 1,
    "to_version": 2,
    "notice_days": 30,
    "not_before": "2026-12-21T12:00:00Z",
    "terms": CHECKED["terms"],
    "radius": CHECKED["radius"],
}
EFFECTS: dict[str, Any] = {
    "orgs": [
        {
            "org_id": _ORG_ID,
            "name": "Acme",
            "currency": "USD",
            "running": {"before": 5130, "after": 6130},
            "last_closed": {"before": 4900, "after": 5900},
            "exceeded": [],
            "sold": True,
            "takes_effect": "planned",
            "reason": None,
            "detail": None,
            **_DAYS,
        }
    ],
    "next": None,
}
START: dict[str, Any] = {
    "plan": "pro",
    "from_version": 1,
    "to_version": 2,
    "orgs": 1,
    "reason": "Prices of 2027, announced on 1 November",
}
MOVE: dict[str, Any] = {
    "id": _MOVE_ID,
    "plan": "pro",
    "from_version": 1,
    "to_version": 2,
    "reason": "Prices of 2027, announced on 1 November",
    "asked_at": "2026-11-21T12:00:00Z",
    "not_before": "2026-12-21T12:00:00Z",
    "stopped_at": None,
    "orgs": 1,
    "progress": {"planned": 1},
}
STARTED = MOVE | {"progress": {"waiting": 1}}
STOPPED = MOVE | {"stopped_at": "2026-11-22T08:30:00Z", "progress": {"undoing": 1}}
RETRIED = STARTED
MOVES: dict[str, Any] = {"moves": [MOVE], "next": None}
MOVE_ORG: dict[str, Any] = {
    "org_id": _ORG_ID,
    "name": "Acme",
    "state": "planned",
    "reason": None,
    "detail": None,
    **_DAYS,
    "may_undo": True,
}
LEFT_OUT = MOVE_ORG | {"state": "undoing", "fee_at": None, "usage_at": None, "may_undo": False}
MOVE_ORGS: dict[str, Any] = {"orgs": [MOVE_ORG], "next": None}
