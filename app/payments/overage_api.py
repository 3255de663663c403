"""The API of pay for overage: what would be agreed to, and the switch."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.accounts.guards import acting_org, caller
from app.catalog.api_schemas import build_usage_price
from app.kit.errors import FieldError, InvalidRequest
from app.kit.ids import parse_id
from app.payments import queries
from app.payments.api import api
from app.payments.billing_summary import build_card
from app.payments.overage_schemas import (
    READ_EXAMPLE,
    SWITCH_EXAMPLE,
    SWITCHED_EXAMPLE,
    OverageAnswer,
    OverageMeter,
    OverageRequest,
    OverageTerms,
)
from app.payments.payment_methods.overage_state import OverageState, find_overage_state
from app.payments.payment_methods.pay_for_overage import pay_for_overage, stop_paying_for_overage
from app.payments.schemas import PlanHeld
from app.web.database import session, transaction
from app.web.runtime import business_now

__all__ = ["api"]

_INCOMPLETE = "Send the `version_id` and the `payment_method_id` that you have read and agree to."


@api.operation(
    "GET", "/billing/overage", response=OverageAnswer, answer=READ_EXAMPLE,
    summary="Get whether usage above the allowance is charged",
    description="For plans without a fee. `terms` are the prices and hard limits that switching it on agrees to,"
    " `payment_method` is the card that is charged.",
)  # fmt: skip
def show_overage() -> OverageAnswer:
    """Read from our own database; makes no call to Stripe."""
    return build_overage_answer(session(), acting_org(), business_now())


@api.operation(
    "PUT", "/billing/overage", request=OverageRequest, response=OverageAnswer, example=SWITCH_EXAMPLE,
    answer=SWITCHED_EXAMPLE, errors=("conflict", "payments_off", "org_suspended"),
    summary="Switch pay for overage on or off",
    description="On: usage above the allowance is charged to the card at the end of each month, at the terms that"
    " `version_id` names; both ids come from `GET /billing/overage`. Returns 409 if the terms or the card have changed"
    " since, or if there is no card. Off: usage above the allowance is refused from then on; what was recorded above it"
    " is still charged. Repeating the call changes nothing. Both are audited.",
)  # fmt: skip
def switch_overage(body: OverageRequest) -> OverageAnswer:
    """Switch it, as the billing page does."""
    org_id, actor, now = acting_org(), caller().actor, business_now()
    with transaction() as writing:
        if body.on:
            version_id, card_id = _get_agreed(body)
            pay_for_overage(writing, org_id, version_id, card_id, actor=actor, now=now)
        else:
            stop_paying_for_overage(writing, org_id, actor=actor, now=now)
    return build_overage_answer(session(), org_id, now)


def build_overage_answer(session: Session, org_id: UUID, now: datetime) -> OverageAnswer:
    """Build the answer from what is stored."""
    state, customer = find_overage_state(session, org_id, now), queries.find_customer(session, org_id)
    return OverageAnswer(
        on=state is not None and state.on,
        since=state.since if state is not None and state.on else None,
        lapsed=state is not None and state.lapsed,
        terms=_build_terms(state) if state is not None else None,
        payment_method=build_card(customer),
        payment_method_id=customer.card_id if customer is not None else None,
    )


def _get_agreed(body: OverageRequest) -> tuple[UUID, str]:
    version_id = parse_id(body.version_id or "")
    if version_id is None or body.payment_method_id is None:
        field = "version_id" if version_id is None else "payment_method_id"
        raise InvalidRequest(_INCOMPLETE, [FieldError(field, "Needed to switch it on.")])
    return version_id, body.payment_method_id


def _build_terms(state: OverageState) -> OverageTerms:
    version = state.offer.version
    granted = {meter.meter_id: meter for meter in version.meters}
    return OverageTerms(
        plan=PlanHeld(version.plan.key, version.plan.name, version.number),
        version_id=str(version.id),
        currency=state.offer.currency,
        meters=[
            OverageMeter(
                meter=charge.meter.key,
                name=charge.meter.name,
                unit=charge.meter.unit,
                allowance=granted[charge.meter_id].allowance,
                hard_limit=granted[charge.meter_id].hard_limit,
                charge=build_usage_price(charge),
            )
            for charge in state.offer.charges
        ],
        refusal=state.offer.refusal,
    )
