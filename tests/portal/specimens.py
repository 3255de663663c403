"""View models with made-up figures: the states of the customer's pages, for tests of templates and for pictures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from app.portal.views_models import (
    CompareGroup,
    CompareRow,
    CostView,
    DashboardView,
    EventRow,
    MeterBar,
    PlanColumn,
    PlansView,
    PromptView,
    RefusedRow,
    ReplayRow,
    Step,
    UsageRow,
    UsageView,
)
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
    near, full = kind != "ok", kind == "full"
    minutes = ("1200", "full") if full else ("985.5", "near") if near else ("412", "ok")
    meters = [
        meter("sessions", "Sessions", "sessions", "41", "100", "ok", reserved=Decimal(6), reserved_percent=6),
        meter(
            "minutes",
            "Minutes",
            "minutes",
            minutes[0],
            "1200",
            minutes[1],
            forecast=None if full or not near else "Full about Tuesday 24 Nov, 14:00",
        ),
        meter(
            "exports",
            "Exports",
            "exports",
            "224" if full else "36",
            "200",
            "over" if full else "ok",
            policy="Above 200 each export is billed at $0.05.",
        ),
        meter("tokens", "Tokens", "tokens", "12345678", None, "unlimited", policy="Never refused, not billed."),
    ]
    sentence = {
        "ok": "All fine. Every limit lasts to 1 December at this pace.",
        "near": "Minutes run out about Tuesday 24 November, 14:00.",
        "full": "Minutes are full. New minutes are refused until 1 December.",
    }[kind]
    prompts = {
        "ok": [],
        "near": [
            PromptView(
                "near",
                "82 % of your minutes are used",
                "Business has no limit on minutes.",
                "/plans",
                "Upgrade, $149 a month",
                dismiss_action="/prompts/dismiss",
            )
        ],
        "full": [
            PromptView(
                "full",
                "Minutes are full",
                "New minutes are refused until 1 December. All you have made stays readable.",
                "/plans",
                "Upgrade, $149 a month",
                "/usage",
                "What used them",
            )
        ],
    }[kind]
    return DashboardView(
        **common,
        state_kind=kind,
        state_sentence=sentence,
        meters=meters,
        prompts=prompts,
        events=_events(),  # type: ignore[arg-type]
        cost=CostView(
            "USD", Decimal("49.00"), Decimal("50.20"), "Estimates, before tax. The invoice rounds once a line."
        ),
    )


def _empty(common: dict[str, object]) -> DashboardView:
    curl = (
        "curl https://billing.example.com/api/v1/usage/events \\\n  -H 'Authorization: Bearer tk_live_…' \\\n"
        '  --json \'{"events":[{"id":"first","meter":"minutes","quantity":"1"}]}\''
    )
    steps = [
        Step("Make an API key", "Your product sends it with each call.", done=True),
        Step("Send the first event", "Waiting for it. This turns green by itself.", waiting=True, code=curl),
        Step("Choose a plan", "You are on Free. It needs no card.", action_href="/plans", action_label="Compare plans"),
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
    column, verb = PlanColumn, "Upgrade" if signed_in else "Choose"
    start = (None, None) if signed_in else ("Start for free", "/sign-up")
    return PlansView(
        currency="USD",
        interval="month",
        intervals=[
            ("Monthly", "/plans?interval=month", True),
            ("Yearly, 2 months free", "/plans?interval=year", False),
        ],
        currencies=[("USD", "/plans?currency=USD", True), ("EUR", "/plans?currency=EUR", False)],
        plans=[
            column(
                "free",
                "Free",
                "To try it with a few clients.",
                Decimal(0),
                "For ever, without a card",
                *start,
                current=signed_in,
                highlights=["10 sessions", "120 minutes", "20 exports", "Files to 50 MB"],
            ),
            column(
                "pro",
                "Pro",
                "For a coach with a full week.",
                Decimal(49),
                "$490 a year saves $98",
                f"{verb}, $49 a month",
                "/billing/upgrade/pro",
                suggested=True,
                highlights=["100 sessions", "1,200 minutes", "200 exports", "Files to 200 MB, VTT and SRT"],
            ),
            column(
                "business",
                "Business",
                "For practices and teams.",
                Decimal(149),
                "$1,490 a year saves $298",
                f"{verb}, $149 a month",
                "/billing/upgrade/business",
                highlights=["Unlimited sessions", "Unlimited minutes", "10 jobs at once", "Advanced analytics"],
            ),
            column(
                "enterprise",
                "Enterprise",
                "Your own terms.",
                None,
                "Billed as agreed",
                "Talk to us",
                "/contact",
                highlights=["Own limits and prices", "Own invoice terms"],
            ),
        ],
        groups=[
            CompareGroup(
                "Included each month",
                [
                    CompareRow("Sessions", ["10", "100", "Unlimited", "As agreed"]),
                    CompareRow("Minutes", ["120", "1,200", "Unlimited", "As agreed"], "of recorded speech"),
                    CompareRow("Exports", ["20", "200", "Unlimited", "As agreed"]),
                ],
            ),
            CompareGroup(
                "Beyond that",
                [
                    CompareRow("Minutes", ["Refused", "$0.01 a minute", "Never reached", "As agreed"]),
                    CompareRow("Exports", ["Refused", "$0.05 an export", "Never reached", "As agreed"]),
                ],
            ),
            CompareGroup(
                "Limits and features",
                [
                    CompareRow("Jobs at once", ["1", "3", "10", "As agreed"]),
                    CompareRow("File size", ["50 MB", "200 MB", "500 MB", "As agreed"]),
                    CompareRow("XLSX export", ["no", "no", "yes", "yes"]),
                    CompareRow("Kept for", ["30 days", "1 year", "For ever", "For ever"]),
                ],
            ),
        ],
        tax_note="Prices without tax. Limits start again each calendar month.",
        replay=[
            ReplayRow("Free", Decimal(0), note="Minutes would have been refused from 9 October"),
            ReplayRow("Pro", Decimal("51.20"), cheapest=True),
            ReplayRow("Business", Decimal(149)),
        ]
        if signed_in
        else [],
        replay_period="October 2026" if signed_in else None,
    )


def usage(*, empty: bool = False) -> UsageView:
    days = [date(2026, 11, 1) + timedelta(days=i) for i in range(21)]
    amounts = [Decimal(20 + (i * 37) % 41 + (18 if i % 7 < 5 else 0)) for i in range(21)]
    total = Decimal(0) if empty else sum(amounts, Decimal(0))
    rows = (
        []
        if empty
        else [
            UsageRow(f"{d:%-d %b %Y}", a, int(a) // 4, int(a * 100 / total)) for d, a in zip(days, amounts, strict=True)
        ]
    )
    kinds = [("transcription", 58), ("live captions", 27), ("translation", 15)]
    return UsageView(
        meter_name="Minutes",
        unit="minutes",
        zone=ZONE,
        start=days[0],
        end=days[-1],
        as_of=NOW,
        meters=[
            ("Minutes", "/usage?meter=minutes", True),
            ("Sessions", "/usage?meter=sessions", False),
            ("Exports", "/usage?meter=exports", False),
            ("Tokens", "/usage?meter=tokens", False),
        ],
        spans=[("Day", "/usage?by=day", True), ("Month", "/usage?by=month", False)],
        dimensions=[
            ("Kind", "/usage?of=kind", True),
            ("Provider", "/usage?of=provider", False),
            ("Endpoint", "/usage?of=endpoint", False),
            ("User", "/usage?of=user", False),
            ("Key", "/usage?of=key", False),
        ],
        presets=[
            ("This period", "/usage", True),
            ("Last period", "/usage?period=last", False),
            ("12 months", "/usage?period=year", False),
        ],
        hidden={"meter": "minutes"},
        total=total,
        total_events=0 if empty else 251,
        before=Decimal("880.5"),
        change="12.4 % more than before",
        trend="up",
        busiest=None if empty else "Thu 19 Nov",
        chart=None if empty else charts.bars([f"{d.day} Nov" for d in days], [charts.Series("minutes", amounts)]),
        chart_title="Minutes by day",
        chart_description="21 days; the most on 19 November with 77 minutes.",
        rows_heading="By day",
        rows=rows,
        breakdown_heading="By kind",
        breakdown=[]
        if empty
        else [UsageRow(name, total * share / 100, share, share, href=f"/usage?kind={name}") for name, share in kinds],
        csv_href="/usage.csv?meter=minutes",
        refused=[] if empty else [RefusedRow(NOW, "Minutes", "The limit of 1,200 was reached", 14)],
    )
