"""Staff API: organisations, the top ones, assigning a plan."""

from __future__ import annotations

from datetime import UTC, date
from uuid import UUID

from app.accounts.reads import VIEWED, audit_read
from app.admin import examples, queries
from app.admin.actors import actor_for
from app.admin.analytics.top import rank_payers
from app.admin.orgs.search import OrgSearch, find_orgs
from app.admin.plans import AssignablePlan, assign_plan_and_move_usage
from app.admin.schemas import (
    MemberOut,
    OrgAnswer,
    OrgOut,
    OrgPlanAnswer,
    OrgsAnswer,
    OrgsQuery,
    PlanRequest,
    TopAnswer,
    TopOut,
    TopQuery,
)
from app.analytics.months import MonthRange
from app.analytics.report import ReportFilter, get_report
from app.catalog import queries as catalog
from app.catalog.models import Meter
from app.kit.errors import FieldError, InvalidRequest, NotFound, Refused
from app.metering.recording.refusals import describe_unknown_meter
from app.metering.rollups import reports
from app.portal.usage.schemas import build_current_answer
from app.statements.current_usage import get_current_usage
from app.web.api import Api
from app.web.database import session, transaction
from app.web.runtime import business_now

api = Api("admin", __name__)


@api.operation(
    "GET", "/admin/orgs", query=OrgsQuery, response=OrgsAnswer, answer=examples.ORGS,
    summary="Organisations by search, plan and state",
    description="`search` is an organisation's id, the id of its customer, subscription or invoice at Stripe, or part"
    " of its name, of a member's email address or of an address that invoices are copied to. `plan` is a plan's key;"
    " `owing` are those with a failed payment.",
)  # fmt: skip
def list_orgs(query: OrgsQuery) -> OrgsAnswer:
    """The staff page's search, paged."""
    search = OrgSearch(query.search, query.plan, query.state, query.sort)
    found = find_orgs(session(), search, limit=query.limit, cursor=query.next)
    orgs = [
        OrgOut(str(row.id), row.name, row.owner, row.members, row.plan_key, row.created_at, row.suspended_at)
        for row in found.rows
    ]
    return OrgsAnswer(orgs, found.next)


@api.operation(
    "GET", "/admin/orgs/<uuid:org_id>", response=OrgAnswer, answer=examples.ORG,
    summary="One organisation with its members and current usage",
    description="`usage` has the same figures that `GET /usage/current` returns to the organisation itself.",
)  # fmt: skip
def show_org(org_id: UUID) -> OrgAnswer:
    """Members and the current period. The look is audited."""
    rows = queries.list_org_rows(session(), org_id)
    if not rows:
        raise NotFound("There is no such organisation.")
    audit_read(actor_for(org_id), VIEWED, org_id)
    head = rows[0]
    members = [MemberOut(row.user_name, row.email, row.role, row.joined_at) for row in rows if row.user_id]
    usage = build_current_answer(get_current_usage(session(), org_id, business_now()))
    return OrgAnswer(str(head.id), head.name, head.time_zone, head.created_at, head.suspended_at, members, usage)


@api.operation(
    "GET", "/admin/top", query=TopQuery, response=TopAnswer, errors=("unknown_meter",),
    summary="The organisations that used a meter most in a month, or paid most", answer=examples.TOP,
    description="Highest first; by default this month. `by=usage` needs `meter`: the month is in each organisation's"
    " own time zone. `by=cost` needs `currency`: what was paid in the month in UTC, without tax, less what was given"
    " back.",
)  # fmt: skip
def top(query: TopQuery) -> TopAnswer:
    """The top organisations of a month, by usage or by money."""
    month = date.fromisoformat(f"{query.month}-01") if query.month else _today().replace(day=1)
    if query.by == "cost":
        return TopAnswer(month, None, query.currency, _list_top_payers(month, query))
    if query.meter is None:
        raise InvalidRequest("A meter is needed.", [FieldError("meter", "is needed to rank by usage")])
    meter = _meter(catalog.list_meters(session()), query.meter)
    rows = reports.list_top_orgs(session(), month, meter.id, query.limit)
    return TopAnswer(month, meter.key, None, [TopOut(str(r.org_id), r.name, r.quantity, r.events) for r in rows])


def _list_top_payers(month: date, query: TopQuery) -> list[TopOut]:
    if query.currency is None:
        raise InvalidRequest("A currency is needed.", [FieldError("currency", "is needed to rank by cost")])
    report = get_report(session(), ReportFilter(MonthRange(month, month), currency=query.currency), business_now())
    return [
        TopOut(str(row.org_id), row.name, revenue=row.revenue, mrr=row.mrr)
        for each in report.currencies
        for row in rank_payers(report, each)[: query.limit]
    ]


@api.operation(
    "PUT", "/admin/orgs/<uuid:org_id>/subscription", request=PlanRequest, response=OrgPlanAnswer, errors=("conflict",),
    summary="Put an organisation on a plan", example=examples.ASSIGN, answer=examples.ASSIGNED,
    description="A plan that starts or ends does so at once. An organisation that we invoice is moved to another plan,"
    " version or interval at once only where nothing of its running period becomes dearer, or less; else with the first"
    " periods after the notice (`PLAN_MOVE_NOTICE_DAYS`), and it is told by email. With `requested`, since the"
    " organisation asked for the plan itself, it has it at once. Repeating the call changes nothing.",
)  # fmt: skip
def put_subscription(request: PlanRequest, org_id: UUID) -> OrgPlanAnswer:
    """The same as the form on the staff page."""
    now = business_now()
    version = catalog.find_newest_version(session(), request.plan)
    if version is None:
        raise InvalidRequest("There is no such plan.", [FieldError("plan", "must be the key of a plan on offer")])
    choice = AssignablePlan(version.id, request.interval, request.currency, version.plan.name)
    actor = actor_for(org_id)
    with transaction() as open_session:
        done = assign_plan_and_move_usage(
            open_session, org_id, choice, actor=actor, now=now, requested=request.requested
        )
        fee_at = done.planned.effective_at if done.planned else None
        usage_at = done.planned.usage_at if done.planned else None
    usage = build_current_answer(get_current_usage(session(), org_id, now))
    return OrgPlanAnswer(done.changed, usage, fee_at, usage_at or fee_at)


def _meter(meters: list[Meter], key: str) -> Meter:
    found = next((meter for meter in meters if meter.key == key), None)
    if found is None:
        raise Refused(describe_unknown_meter(key), code="unknown_meter")
    return found


def _today() -> date:
    return business_now().astimezone(UTC).date()
