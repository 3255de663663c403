"""API: past months of usage, priced on every plan."""

from __future__ import annotations

from app.accounts.guards import acting_org
from app.kit.errors import FieldError, InvalidRequest
from app.portal.plans import examples
from app.portal.plans.schemas import PlanReplayAnswer, ReplayWanted, build_replay_answer
from app.statements.current_usage import get_current_usage
from app.statements.offers import list_offers
from app.statements.past_usage import list_past_periods
from app.statements.plan_context import PlanContext, is_sold, list_currencies
from app.statements.replay import build_replay
from app.web.api import Api
from app.web.database import session
from app.web.runtime import business_now

api = Api("plans", __name__)


@api.operation(
    "POST", "/plans/replay", request=ReplayWanted, response=PlanReplayAnswer, example=examples.WANTED,
    answer=examples.REPLAYED,
    summary="Price your last months on every plan",
    description="What your last usage periods, and the running one with its forecast, would have cost on each plan:"
    " a month's fee, and the usage by the plan's terms. On your own plan that is your own version, with what was agreed"
    " with you. The plan that costs least and fits is `advised`; never one that refuses what is used now. Months before"
    " the first use are left out.",
)  # fmt: skip
def replay_plans(wanted: ReplayWanted) -> PlanReplayAnswer:
    """The running period and the last ones on each plan that has a price."""
    usage = get_current_usage(session(), acting_org(), business_now())
    offers = list_offers(session(), usage.plan_version_id)
    currency = wanted.currency or usage.currency
    if wanted.currency is not None and currency not in {usage.currency, *list_currencies(offers)}:
        raise InvalidRequest(f"No plan is sold in {currency}.", [FieldError("currency", "no plan is sold in it")])
    context = PlanContext(currency, wanted.interval, usage.plan_key, paid_interval=usage.paid_interval)
    past = list_past_periods(session(), usage, wanted.months)
    replay = build_replay([offer for offer in offers if is_sold(offer, context)], context, usage, past)
    return build_replay_answer(replay, context, usage.as_of)
