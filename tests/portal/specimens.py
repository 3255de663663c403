"""View models with made-up figures: the states of the customer's pages, for tests of templates and for pictures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from app.portal.dashboard.view_models import ChecklistStep, CostView, DashboardView, EventRow, MeterBar, PromptView
from app.portal.plans.view_models import PlanColumn, PlansView
from app.portal.shell.links import Link
from app.portal.usage.refusals import RefusedRow
from app.portal.usage.view_models import UsageRow, UsageView
from app.statements.comparison import CompareGroup, CompareRow
from app.statements.replay import ReplayRow
from app.web import charts

NOW = datetime(2026, 11, 21, 12, 0, 12, tzinfo=UTC)
START = datetime(2026, 10, 31, 23, 0, tzinfo=UTC)
END = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
ZONE = "Europe/Berlin"
REFUSED_AT_FULL = "At 100 % further use is refused."


def meter(key: str, name: str, unit: str, used: str, limit: str | None, state: str, **more: object) -> MeterBar:
    top = Decimal(limit) if limit else None
    percent = int(Decimal(used) * 100 / top) if top else 0
    facts = {"policy": REFUSED_AT_FULL, "href": f"/usage?meter={key}", **more}
    return MeterBar(key, name, unit, Decimal(used), top, percent, END, state, **facts)  # type: ignore[arg-type]


def _events() -> list[EventRow]:
    rows = [
        ("Minutes", "12.5", "minutes", "transcription"),
        ("Sessions", "1", "sessions", "coaching"),
        ("Exports", "1", "exports", "docx"),
        ("Minutes", "48", "minutes", "transcription"),
    ]
    return [
        EventRow(NOW - timedelta(minutes=7 * i), name, Decimal(q), unit, kind, "Production key")
        for i, (name, q, unit, kind) in enumerate(rows)
    ]


def dashboard(kind: str = "ok") -> DashboardView:
    """`kind` is ok, near, full, empty, or hard: names and figures that no layout likes."""
    common = {"plan_name": "Pro", "zone": ZONE, "starts_at": START, "ends_at": END, "as_of": NOW}
    if kind == "empty":
        return _empty(common)
    if kind == "hard":
        return _hard(dashboard("near"))
    return DashboardView(
        **common,
        state_kind=kind,
        state_sentence=_SENTENCES[kind],
        meters=_meters(kind),
        prompts=_PROMPTS[kind],
        events=_events(),  # type: ignore[arg-type]
        cost=CostView(
            "USD", Decimal("49.00"), Decimal("50.20"), "Estimates, before tax. The invoice rounds once a line."
        ),
    )


_SENTENCES = {
    "ok": "All fine. Every limit lasts to 1 December at this pace.",
    "near": "Minutes run out about Tuesday 24 November, 14:00.",
    "full": "Minutes are full. New minutes are refused until 1 December.",
}
_PROMPTS = {
    "ok": [],
    "near": [
        PromptView("near", "82 % of your minutes are used", "Business has no limit on minutes.", "/plans",
                   "Upgrade, $149 a month", dismiss_action="/prompts/dismiss"),
    ],
    "full": [
        PromptView("full", "Minutes are full",
                   "New minutes are refused until 1 December. All you have made stays readable.", "/plans",
                   "Upgrade, $149 a month", "/usage", "What used them"),
    ],
}  # fmt: skip


def _meters(kind: str) -> list[MeterBar]:
    minutes, state = {"ok": ("412", "ok"), "near": ("985.5", "near"), "full": ("1200", "full")}[kind]
    exports, over = ("224", "over") if kind == "full" else ("36", "ok")
    beyond = "Above 200 each export is billed at $0.05."
    ahead = "Full about Tuesday 24 Nov, 14:00" if kind == "near" else None
    return [
        meter("sessions", "Sessions", "sessions", "41", "100", "ok", reserved=Decimal(6), reserved_percent=6),
        meter("minutes", "Minutes", "minutes", minutes, "1200", state, forecast=ahead),
        meter("exports", "Exports", "exports", exports, "200", over, policy=beyond),
        meter("tokens", "Tokens", "tokens", "12345678", None, "unlimited", policy="Never refused, not billed."),
    ]


def _empty(common: dict[str, object]) -> DashboardView:
    curl = (
        "curl https://billing.example.com/api/v1/usage/events \\\n  -H 'Authorization: Bearer tk_live_…' \\\n"
        '  --json \'{"events":[{"id":"first","meter":"minutes","quantity":"1"}]}\''
    )
    steps = [
        ChecklistStep("Make an API key", "Your product sends it with each call.", done=True),
        ChecklistStep("Send the first event", "Waiting for it. This turns green by itself.", waiting=True, code=curl),
        ChecklistStep(
            "Choose a plan", "You are on Free. It needs no card.", action_href="/plans", action_label="Compare plans"
        ),
    ]
    meters = [
        meter("sessions", "Sessions", "sessions", "0", "10", "ok"),
        meter("minutes", "Minutes", "minutes", "0", "120", "ok"),
    ]
    return DashboardView(
        **common,
        state_kind="empty",
        state_sentence="Waiting for your first event.",
        meters=meters,
        steps=steps,  # type: ignore[arg-type]
        cost=CostView("USD", Decimal(0)),
        poll_seconds=3,
    )


def _hard(view: DashboardView) -> DashboardView:
    big, long = Decimal("999999999999999.999999"), "Pneumonoultramicroscopicsilicovolcanoconiosis_transcriptions"
    bars = [
        replace(view.meters[0], name=long, used=big, limit=big, percent=100, state="full", unit="transformations"),
        replace(view.meters[1], name="عداد الدقائق", used=big, percent=83333333, state="over"),
        view.meters[2],
    ]
    events = [replace(row, meter=long, kind=long, source="<b>" + "x" * 60, quantity=big) for row in view.events]
    return replace(view, meters=bars, events=events, plan_name=long, prompts=[replace(view.prompts[0], title=long * 2)])


def plans(*, signed_in: bool = True) -> PlansView:
    return PlansView(
        currency="USD",
        interval="month",
        intervals=[
            ("Monthly", "/plans?interval=month", True),
            ("Yearly, 2 months free", "/plans?interval=year", False),
        ],
        currencies=[("USD", "/plans?currency=USD", True), ("EUR", "/plans?currency=EUR", False)],
        plans=_columns(signed_in=signed_in),
        groups=_GROUPS,
        tax_note="Prices without tax. Limits start again each calendar month.",
        replay=_REPLAY if signed_in else [],
        replay_period="October 2026" if signed_in else None,
    )


def _columns(*, signed_in: bool) -> list[PlanColumn]:
    verb = "Upgrade" if signed_in else "Choose"
    start = (None, None) if signed_in else ("Start for free", "/sign-up")
    return [
        PlanColumn("free", "Free", "To try it with a few clients.", Decimal(0), "For ever, without a card", *start,
                   current=signed_in, highlights=["10 sessions", "120 minutes", "20 exports", "Files to 50 MB"]),
        PlanColumn("pro", "Pro", "For a coach with a full week.", Decimal(49), "$490 a year saves $98",
                   f"{verb}, $49 a month", "/billing/upgrade/pro", suggested=True,
                   highlights=["100 sessions", "1,200 minutes", "200 exports", "Files to 200 MB, VTT and SRT"]),
        PlanColumn("business", "Business", "For practices and teams.", Decimal(149), "$1,490 a year saves $298",
                   f"{verb}, $149 a month", "/billing/upgrade/business",
                   highlights=["Unlimited sessions", "Unlimited minutes", "10 jobs at once", "Advanced analytics"]),
        PlanColumn("enterprise", "Enterprise", "Your own terms.", None, "Billed as agreed", "Talk to us", "/contact",
                   highlights=["Own limits and prices", "Own invoice terms"]),
    ]  # fmt: skip


_GROUPS = [
    CompareGroup("Included each month", [
        CompareRow("Sessions", ["10", "100", "Unlimited", "As agreed"]),
        CompareRow("Minutes", ["120", "1,200", "Unlimited", "As agreed"], "of recorded speech"),
        CompareRow("Exports", ["20", "200", "Unlimited", "As agreed"]),
    ]),
    CompareGroup("Beyond that", [
        CompareRow("Minutes", ["Refused", "$0.01 a minute", "Never reached", "As agreed"]),
        CompareRow("Exports", ["Refused", "$0.05 an export", "Never reached", "As agreed"]),
    ]),
    CompareGroup("Limits and features", [
        CompareRow("Jobs at once", ["1", "3", "10", "As agreed"]),
        CompareRow("File size", ["50 MB", "200 MB", "500 MB", "As agreed"]),
        CompareRow("XLSX export", ["no", "no", "yes", "yes"]),
        CompareRow("Kept for", ["30 days", "1 year", "For ever", "For ever"]),
    ]),
]  # fmt: skip
_REPLAY = [
    ReplayRow("Free", Decimal(0), note="Minutes would have been refused from 9 October"),
    ReplayRow("Pro", Decimal("51.20"), cheapest=True),
    ReplayRow("Business", Decimal(149)),
]


def usage(*, empty: bool = False) -> UsageView:
    days = [date(2026, 11, 1) + timedelta(days=i) for i in range(21)]
    amounts = [Decimal(20 + (i * 37) % 41 + (18 if i % 7 < 5 else 0)) for i in range(21)]
    view = UsageView(
        meter_name="Minutes", unit="minutes", zone=ZONE, start=days[0], end=days[-1], as_of=NOW,
        meters=_links("/usage?meter=", "Minutes", "Sessions", "Exports", "Tokens"),
        spans=_links("/usage?by=", "Day", "Month"),
        dimensions=_links("/usage?of=", "Kind", "Provider", "Endpoint", "User", "Key"),
        presets=[("This period", "/usage", True), ("Last period", "/usage?period=last", False),
                 ("12 months", "/usage?period=year", False)],
        hidden={"meter": "minutes"}, total=Decimal(0), total_events=0, before=Decimal("880.5"),
        change="12.4 % more than before", trend="up", busiest=None, chart=None, chart_title="Minutes by day",
        chart_description="21 days; the most on 19 November with 77 minutes.", rows_heading="By day", rows=[],
        breakdown_heading="By kind", breakdown=[], csv_href="/usage.csv?meter=minutes",
    )  # fmt: skip
    return view if empty else _used(view, days, amounts)


def _used(view: UsageView, days: list[date], amounts: list[Decimal]) -> UsageView:
    total = sum(amounts, Decimal(0))
    kinds = [("transcription", 58), ("live captions", 27), ("translation", 15)]
    return replace(
        view,
        total=total,
        total_events=251,
        busiest="Thu 19 Nov",
        chart=charts.bars([f"{d.day} Nov" for d in days], [charts.Series("minutes", amounts)]),
        rows=[
            UsageRow(f"{d:%-d %b %Y}", a, int(a) // 4, int(a * 100 / total)) for d, a in zip(days, amounts, strict=True)
        ],
        breakdown=[UsageRow(name, total * share / 100, share, share, href=f"/usage?kind={name}")
                   for name, share in kinds],
        refused=[RefusedRow(NOW, "Minutes", "The limit of 1,200 was reached", 14)],
    )  # fmt: skip


def _links(address: str, *words: str) -> list[Link]:
    """Links of which the first is the one that is shown."""
    return [(each, f"{address}{each.lower()}", each == words[0]) for each in words]
