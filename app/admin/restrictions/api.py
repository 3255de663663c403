"""Staff API for a restriction: lift it until an instant, or have it hold again."""

from __future__ import annotations

from uuid import UUID

import msgspec

from app.admin.actors import actor_for
from app.admin.overrides.api import api
from app.kit.errors import NotFound
from app.kit.fields import Instant, Reason
from app.subscriptions import queries
from app.subscriptions.payment_restriction import suspend_restriction
from app.subscriptions.terms.restriction import find_lift_end, is_restricted
from app.web.database import transaction
from app.web.runtime import business_now

__all__ = ["api"]  # the factory imports the blueprint from here, once all its calls are registered


class RestrictionRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`lifted_until` null: the restriction applies again at once."""

    lifted_until: Instant | None
    reason: Reason


class RestrictionAnswer(msgspec.Struct):
    """Whether the default plan's limits apply now, since when it is restricted, and until when that is lifted."""

    limited: bool
    limited_at: Instant | None
    lifted_until: Instant | None


_LIFT = {"lifted_until": "2026-12-05T00:00:00Z", "reason": "Waits for a bank transfer, ticket 4712"}
_LIFTED = {"limited": False, "limited_at": "2026-11-28T12:00:00Z", "lifted_until": "2026-12-05T00:00:00Z"}


@api.operation(
    "PUT", "/admin/orgs/<uuid:org_id>/restriction", request=RestrictionRequest, response=RestrictionAnswer,
    errors=("conflict",), summary="Lift a restriction until a date", example=_LIFT, answer=_LIFTED,
    description="For an organisation that is held to the default plan's limits because a payment is overdue or its plan"
    " is paused. The plan's own limits apply until `lifted_until`; then the restriction returns, unless it has paid or"
    " resumed. What is owed does not change. Repeating the call changes nothing.",
)  # fmt: skip
def put_restriction(request: RestrictionRequest, org_id: UUID) -> RestrictionAnswer:
    """The same as the form on the staff page."""
    now, actor = business_now(), actor_for(org_id)
    with transaction() as open_session:
        suspend_restriction(open_session, org_id, request.lifted_until, request.reason, actor=actor, now=now)
        row = queries.find_subscription(open_session, org_id)
        if row is None:
            raise NotFound("The organisation has no subscription.")
        return RestrictionAnswer(
            limited=is_restricted(row.limited_at, row.restriction_lifted_until, now),
            limited_at=row.limited_at,
            lifted_until=find_lift_end(row.limited_at, row.restriction_lifted_until, now),
        )
