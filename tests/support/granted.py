"""Books and the columns of them that web and worker may update. Tests run as superuser, so the app is watched here.

A statement of the app that sets another column would be refused on an operator's server; here it fails its test.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from app.settings import PROJECT

# What is written once and then changes its state, and the columns that say so: those of migrations/grants.sql.
STATE_COLUMNS = {
    "api_keys": {"revoked_at", "last_used_at", "last_used_address"},
    "audit_entries": set(),
    "audit_heads": {"seq", "hash"},
    "billing_records": {
        "state", "settled_at", "amount", "currency", "description", "refunded", "checkout_id", "invoice_id",
        "transaction_id", "card_brand", "card_last4", "failure_code", "failure", "reversed_at", "reversed_for",
    },
    "checkouts": {"state", "session_id", "closed_at", "failure", "trial_refused"},
    "dunnings": {"mails", "next_mail_at", "limited_at", "ended_at", "outcome"},
    "invitations": {"accepted_at", "revoked_at"},
    "org_views": {"closed_at", "left_at"},
    "planned_changes": {
        "schedule_ref", "released_at", "effective_at", "ended_at", "outcome", "subscription_id", "interval",
        "usage_at", "usage_applied_at",
    },
    "plan_moves": {"stopped_by", "stopped_at"},
    "plan_move_orgs": {"state", "note", "planned_id", "tried_at"},
    "plan_changes": {"state", "invoice_id", "failure", "settled_at"},
    "recurring_charges": set(),
    "sign_in_log": set(),
    "trial_uses": set(),
    # an event that was refused and comes again is stored as it comes now
    "stripe_inbox": {
        "state", "attempts", "error", "org_id", "settled_at", "replayed_at", "api_version", "livemode", "account",
        "object_type", "object_id", "customer_id", "source", "body",
    },
    "subscription_events": set(),
    "usage_events": set(),
    "usage_keys": set(),
}  # fmt: skip
_UPDATE = re.compile(r"UPDATE (\w+) SET (.*?)(?: WHERE |$)", re.DOTALL)
_COLUMN = re.compile(r"(?:^|, )(\w+)=")
_APP = str(PROJECT / "app") + "/"
_TOOLS = (f"{_APP}kit/", f"{_APP}web/database.py")


def forbidden_columns(statement: str) -> set[str]:
    """What an UPDATE sets that no running process may: "dunnings.grace_ends_at"."""
    found = _UPDATE.match(statement)
    if found is None or found[1] not in STATE_COLUMNS:
        return set()
    return {f"{found[1]}.{name}" for name in set(_COLUMN.findall(found[2])) - STATE_COLUMNS[found[1]]}


@pytest.fixture(scope="session", autouse=True)
def granted_columns_only() -> Iterator[None]:
    """Watch every statement of SQLAlchemy; what a test itself sets is its own business."""
    event.listen(Engine, "before_cursor_execute", _check)
    yield
    event.remove(Engine, "before_cursor_execute", _check)


def _check(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    if statement.startswith("UPDATE ") and (columns := forbidden_columns(statement)) and _is_of_the_app():
        pytest.fail(f"not granted by migrations/grants.sql: {', '.join(sorted(columns))}")


def _is_of_the_app() -> bool:
    """Whether a function of the app asked for the statement, and not a test for itself."""
    frame: Any = sys._getframe()
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_APP) and not name.startswith(_TOOLS):
            return True
        if Path(name).is_relative_to(PROJECT / "tests") and not name.endswith("support/granted.py"):
            return False
        frame = frame.f_back
    return False
