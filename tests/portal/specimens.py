"""The customer's pages in their states, from made-up figures through the product's own view functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from app.kit.periods import Period
from app.metering.breakdowns import Share
from app.metering.rollups.columns import ColumnFigure
from app.metering.rollups.overview import OverviewRow
from app.portal.dashboard import first_steps
from app.portal.dashboard import view as product
from app.portal.dashboard.view_models import DashboardView, EventRow
from app.portal.plans.view import build_plans_view
from app.portal.plans.view_models import PlansView
from app.portal.shell.upgrade_hints import hint_larger_plan
from app.portal.usage.figures import MeterUsage, build_parts, list_top
from app.portal.usage.reads import MeterRef, UsageFrame
from app.portal.usage.refusals import RefusedRow
from app.portal.usage.requests import list_presets, parse_usage_query
from app.portal.usage.view import UsageData, build_usage_view
from app.portal.usage.view_models import UsageView
from app.rating.schemas import parse_charge
from app.statements.ahead import Pace
from app.statements.current_usage import CurrentUsage
from app.statements.figures import MeterFigures, MeterUse, compute_figures
from app.statements.offers import Offer, OfferCharge, OfferMeter
from app.statements.past_usage import PastPeriod
from app.statements.plan_context import PlanContext
from app.subscriptions.terms.resolver import MeterRule
from tests.support.terms import usage_terms
from tests.web.stage import staged

NOW = datetime(2026, 11, 21, 12, 0, 12, tzinfo=UTC)
START = datetime(2026, 10, 31, 23, 0, tzinfo=UTC)
END = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
ZONE = "Europe/Berlin"
PERIOD = Period(START, END)
ORG = UUID(int=1)
D = Decimal
NICKEL = ("per_unit", {"unit_amount": "0.05"})
METERS = {
    "sessions": ("Sessions", "session"),
    "minutes": ("Minutes", "minute"),
    "exports": ("Exports", "export"),
    "tokens": ("Tokens", "token"),
}
TERMS = {
    "sessions": usage_terms("block", D(100)),
    "minutes": usage_terms("block", D(1200)),
    "exports": usage_terms("charge", D(200), charge=parse_charge(*NICKEL, "USD")),
    "tokens": usage_terms(),
}
USED = {
    "ok": {"sessions": "41", "minutes": "412", "exports": "36", "tokens": "12345678"},
    "near": {"sessions": "41", "minutes": "985.5", "exports": "36", "tokens": "12345678"},
    "full": {"sessions": "41", "minutes": "1200", "exports": "224", "tokens": "12345678"},
    "empty": {"sessions": "0", "minutes": "0"},
}


def _meter(key: str, used: str) -> MeterFigures:
    use = MeterUse(D(used), reserved=D(6) if key == "sessions" else D(0))
    return compute_figures(key, *METERS[key], "sum", terms=TERMS[key], use=use, pace=Pace(PERIOD, START, NOW))


def standing(kind: str) -> CurrentUsage:
    """Where an org stands: ok, near, full or empty."""
    empty = kind == "empty"
    key, name, fee = ("free", "Free", 0) if empty else ("pro", "Pro", 4900)
    return CurrentUsage(
        org_id=ORG, plan_key=key, plan_name=name, plan_version=1, plan_version_id=ORG, interval="month", currency="USD",
        fee=fee, period=PERIOD, time_zone=ZONE, as_of=NOW, ever_used=not empty,
        meters=[_meter(key, used) for key, used in USED[kind].items()],
    )  # fmt: skip


def _events() -> list[EventRow]:
    rows = [
        ("Minutes", "12.5", "minutes", "transcription"),
        ("Sessions", "1", "session", "coaching"),
        ("Exports", "1", "export", "docx"),
        ("Minutes", "48", "minutes", "transcription"),
    ]
    return [
        EventRow(NOW - timedelta(minutes=15 + 7 * i), name, D(q), unit, kind, "Production key")
        for i, (name, q, unit, kind) in enumerate(rows)
    ]


@staged
def dashboard(kind: str = "ok") -> DashboardView:
    """`kind` is ok, near, full, empty, or hard: names and figures that no layout likes."""
    if kind == "hard":
        return _hard(standing("near"))
    usage = standing(kind)
    if kind == "empty":
        facts: Any = SimpleNamespace(has_key=True, members=1, has_plan=False)
        steps = first_steps.list_steps(usage, facts, "https://billing.example.com", may_manage=True)
        return product.build_dashboard(usage, steps=steps)
    advice = {each.key: hint_larger_plan(each, OFFERS, PlanContext("USD", plan="pro")) for each in usage.meters}
    return product.build_dashboard(usage, events=_events(), advice=advice)


def _hard(usage: CurrentUsage) -> DashboardView:
    big, long = D("999999999999999.999999"), "Pneumonoultramicroscopicsilicovolcanoconiosis_transcriptions"
    first, second, third = usage.meters[:3]
    meters = [
        replace(first, name=long, unit="transformation", use=MeterUse(big), limit=big, percent=100, state="full"),
        replace(second, name="عداد الدقائق", use=MeterUse(big), percent=83333333, state="over"),
        third,
    ]
    events = [replace(row, meter=long, kind=long, source="<b>" + "x" * 60, quantity=big) for row in _events()]
    return product.build_dashboard(replace(usage, plan_name=long, meters=meters), events=events)


def _offer(key: str, name: str, summary: str, fee: int | None, granted: dict[str, tuple[str, int | None]]) -> Offer:
    """A plan; of a meter its policy and allowance."""
    free = key == "free"
    prices = {} if fee is None else {("USD", "month"): fee, ("USD", "year"): fee * 10, ("EUR", "month"): fee}
    meters = {
        meter: OfferMeter(meter, *METERS[meter], MeterRule(policy, None if most is None else D(most)))
        for meter, (policy, most) in granted.items()
    }
    charges = {
        (meter, "USD"): OfferCharge(uuid4(), *NICKEL, "period")
        for meter, (policy, _) in granted.items()
        if policy == "charge"
    }
    limits: dict[str, Decimal | None] = {
        "jobs_at_once": D(1 if free else 3), "file_bytes": D(50_000_000 if free else 200_000_000),
        "requests_per_minute": None, "retention_days": D(30) if free else None,
    }  # fmt: skip
    features = {"formats": ("Formats", ["docx"] if free else ["docx", "xlsx"]), "analytics": ("Analytics", not free)}
    return Offer(key, name, summary, free, True, uuid4(), 1, prices, meters, charges, limits, features)


OFFERS = [
    _offer("free", "Free", "To try it with a few clients.", 0,
           {"sessions": ("block", 10), "minutes": ("block", 120), "exports": ("block", 20)}),
    _offer("pro", "Pro", "For a coach with a full week.", 4900,
           {"sessions": ("block", 100), "minutes": ("block", 1200), "exports": ("charge", 200)}),
    _offer("business", "Business", "For practices and teams.", 14900,
           {"sessions": ("warn", None), "minutes": ("warn", None), "exports": ("warn", None)}),
]  # fmt: skip


@staged
def plans(*, signed_in: bool = True) -> PlansView:
    """The comparison, to an org on Free that fits Pro, or to a visitor."""
    seen = PlanContext("USD", plan="free" if signed_in else None)
    if not signed_in:
        return build_plans_view(OFFERS, seen, ["USD", "EUR"])
    used = {"sessions": D(60), "minutes": D(800), "exports": D(244)}
    before = PastPeriod(Period(START - timedelta(days=31), START), ORG, used)
    usage = replace(standing("ok"), plan_key="free", plan_name="Free", plan_version_id=OFFERS[0].version_id)
    return build_plans_view(OFFERS, seen, ["USD", "EUR"], usage=usage, past=[before])


def _meter_usage(days: dict[date, D], by: list[tuple[str, int]], *, erased: bool) -> MeterUsage:
    """Columns in parts: `by` has values with their share of 100, of which the last names none."""
    total = sum(days.values(), D(0))
    shares = [Share(1, "value", value, value, total * part / 100, part, 1) for value, part in by[:-1]]
    if erased:
        shares[0] = replace(shares[0], label="erased user")
    rest = total - sum((share.quantity or D(0) for share in shares), D(0))
    if by[-1][1]:
        shares.append(Share(1, "not given", "", "", rest, by[-1][1], 0))
    columns = [ColumnFigure(False, "whole", day, "", amount, 12) for day, amount in days.items()]
    top = set(list_top(shares))
    for value, part in by[:-1]:
        kind: Any = "value" if value in top else "others"
        name = value if value in top else ""
        columns += [ColumnFigure(False, kind, day, name, amount * part / 100, part) for day, amount in days.items()]
    return MeterUsage(
        whole={day: (amount, 12) for day, amount in days.items()},
        total=(total, 12 * len(days)),
        before={day - timedelta(days=21): amount * 3 / 4 for day, amount in days.items()},
        parts=build_parts(shares, columns),
        shares=shares,
    )


def _overview() -> list[OverviewRow]:
    """Hours, two endpoints with answers, files, and two users."""
    bucket = 10**12
    blank = OverviewRow("measured", "", None, 0, None, None, None, None, None, None)
    hours = [
        replace(blank, part="hour", value=f"{hour:02}", n=day, quantity=D(40 * hour + day), events=D(9))
        for day in range(1, 6)
        for hour in range(8, 18)
    ]
    answers: Any = {
        "responses": D(1200 + 18 * bucket + 4 * bucket**2),
        "latency": D(900 * bucket**8 + 322 * bucket**14),
    }
    endpoints = [
        replace(blank, part="endpoint", value=name, n=1, quantity=D(520), events=D(1222), **answers)
        for name in ("/v1/transcriptions", "/v1/" + "a-long-path/" * 9)
    ]
    whole = replace(blank, quantity=D(1100), events=D(2500), sizes=D(4 * bucket**4 + 31 * bucket**6), **answers)
    users = [
        replace(blank, part="user", value=f"u{i}", label=label, n=1, meter_id=i % 3, quantity=D(90 - i), events=D(9))
        for i, label in enumerate(["Ada Lovelace (ada)", None, "Grace"])
    ]
    used = [replace(blank, part="used", meter_id=i, quantity=D(100), events=D(99)) for i in range(3)]
    named = [replace(blank, part="dimension", value=name) for name in ("kind", "user", "endpoint", "hour", "status")]
    label = replace(blank, part="filter", value="kind", label="transcription")
    return [*hours, *endpoints, whole, *users, *used, *named, label]


KINDS = [
    ("transcription", 40),
    ("live captions", 20),
    ("translation", 12),
    ("summary", 10),
    ("search", 8),
    ("export", 6),
]


@staged
def usage(kind: str = "many", *, empty: bool = False) -> UsageView:
    """Three weeks of a meter; `kind` is many, one, erased, filtered, too-many, or none (as `empty`)."""
    meters = [
        MeterRef(i, key, name, unit, "sum", per_day=D(70)) for i, (key, (name, unit)) in enumerate(METERS.items())
    ]
    wanted = {"meter": "minutes"} | (
        {"kind": "transcription", "by": "user"} if kind in {"filtered", "too-many"} else {}
    )
    asked = parse_usage_query(wanted | ({"by": "user"} if kind == "erased" else {}), PERIOD, ZONE, NOW)
    days = {date(2026, 11, 1) + timedelta(days=i): D(20 + (i * 37) % 41 + (18 if i % 7 < 5 else 0)) for i in range(21)}
    values = [("transcription", 100), ("", 0)] if kind == "one" else [*KINDS, ("", 4)]
    found = _meter_usage(days, values, erased=kind == "erased")
    refused = [RefusedRow("A limit is reached: Minutes", "", 14, NOW, True, "",
                          "Wait until it resets, or choose a larger plan.", "/plans", "Compare plans")]  # fmt: skip
    if kind == "too-many":
        found = replace(found, parts=[], shares=[], too_many=True)
    if empty or kind == "none":
        found, refused = MeterUsage({}, (D(0), 0), before={}), []
    frame = UsageFrame(ORG, ZONE, NOW, PERIOD, asked, meters[1], meters)
    data = UsageData(found, [] if empty else _overview(), refused)
    return build_usage_view(frame, list_presets(PERIOD, ZONE, NOW), data)
