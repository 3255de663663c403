"""Staff API for overrides: exceptions agreed with one organisation."""

from __future__ import annotations

from uuid import UUID

from app.accounts import queries as accounts
from app.accounts.reads import VIEWED, audit_read
from app.admin.actors import actor_for
from app.admin.inbox.api import api
from app.admin.overrides.schemas import (
    GIVE,
    GIVEN,
    OVERRIDES,
    OverrideAnswer,
    OverrideOut,
    OverrideReplaced,
    OverrideRequest,
    OverridesAnswer,
)
from app.subscriptions.models import Override
from app.subscriptions.overrides import held
from app.subscriptions.overrides.held import HeldOverride
from app.subscriptions.overrides.service import NewOverride, end_override, give_override
from app.web.database import session, transaction
from app.web.json import decode_value
from app.web.runtime import business_now

__all__ = [
    "api"
]  # `restrictions.api` imports the blueprint from here, so that these calls are registered before its own

_KEYS = (
    "`key` is a kind, a colon and a name: `allowance`, `policy`, `hard_limit`, `per_minute`, `per_hour`, `per_day`,"
    " `charge` or `overage_price` of a meter, `limit` with a limit that belongs to no meter, `feature` with a feature."
)


@api.operation(
    "GET", "/admin/orgs/<uuid:org_id>/overrides", response=OverridesAnswer, answer=OVERRIDES,
    summary="What has been agreed with an organisation",
    description="Overrides that apply now or later. Those that have ended are in the audit log.",
)  # fmt: skip
def list_overrides(org_id: UUID) -> OverridesAnswer:
    """List an organisation's overrides. The look is audited."""
    accounts.get_org(session(), org_id)
    audit_read(actor_for(org_id), VIEWED, org_id)
    return OverridesAnswer([_build_out(row) for row in held.list_overrides(session(), org_id, business_now())])


@api.operation(
    "PUT", "/admin/orgs/<uuid:org_id>/overrides/<key>", request=OverrideRequest, response=OverrideAnswer,
    summary="Set an override for an organisation", example=GIVE, answer=GIVEN,
    description=f"{_KEYS} It starts at once, or with the next usage period if it would make the current one dearer:"
    " see `starts_at`. It replaces the one in force for the key. Repeating the call changes nothing.",
)  # fmt: skip
def put_override(request: OverrideRequest, org_id: UUID, key: str) -> OverrideAnswer:
    """The same as the form on the staff page."""
    given = NewOverride(key, decode_value(request.value), request.reason, request.ends_at, request.stays)
    now = business_now()
    with transaction() as open_session:
        row = give_override(open_session, org_id, given, actor=actor_for(org_id), now=now)
        return _build_answer(held.describe_held(row, now), held.find_replaced(open_session, row))


@api.operation(
    "DELETE", "/admin/orgs/<uuid:org_id>/overrides/<key>", response=OverrideOut, answer=OVERRIDES["overrides"][0],
    summary="Remove an override",
    description="The plan's own value applies again at once; after an allowance, policy or price from the next usage"
    " period, which is then `ends_at`.",
)  # fmt: skip
def delete_override(org_id: UUID, key: str) -> OverrideOut:
    """The same as the button on the staff page."""
    with transaction() as open_session:
        return _build_out(end_override(open_session, org_id, key, actor=actor_for(org_id), now=business_now()))


def _build_answer(row: HeldOverride, replaced: Override | None) -> OverrideAnswer:
    if replaced is None:
        return OverrideAnswer(_build_out(row), None)
    before = OverrideReplaced(replaced.key, replaced.value, replaced.reason, replaced.starts_at, replaced.ends_at)
    return OverrideAnswer(_build_out(row), before)


def _build_out(row: HeldOverride) -> OverrideOut:
    return OverrideOut(
        key=row.key,
        value=row.value,
        currency=row.currency,
        reason=row.reason,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        stays=row.stays,
        given_at=row.given_at,
        given_by=str(row.given_by) if row.given_by else None,
    )
