"""The fit report as a page shows it: a table of limits and allowances, and what would happen. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.statements import wording
from app.statements.fit import wording as words
from app.statements.fit.report import FitLine, FitReport, Span

_PER: dict[Span, str] = {"period": "", "day": " a day", "hour": " an hour", "minute": " a minute"}
_VERDICTS = {
    "fits": ("Fits", "good", "check"),
    "dearer": ("Dearer", "high", "alert"),
    "refused": ("Would be refused", "bad", "ban"),
    "unknown": ("Not known", "neutral", None),
}


@dataclass(frozen=True, slots=True)
class FitRow:
    """A limit or an allowance: its name, what is granted, use now and at worst, and a badge (words, tone, icon)."""

    label: str
    granted: str
    now: str
    worst: str
    badge: tuple[str, str, str | None]


@dataclass(frozen=True, slots=True)
class FitView:
    """What templates/shell/_fit.html shows. `points` say what would be refused or become dearer."""

    title: str
    plan: str
    lead: str
    points: Sequence[str]
    rows: Sequence[FitRow]


def build_fit_view(report: FitReport, zone: str) -> FitView:
    """Build the card of a plan that is wanted instead of the own one."""
    misfits, basis = report.misfits, words.describe_basis(report)
    lead = f"Compared with {basis}."
    if not any(line.most for line in report.lines):
        lead = "Nothing is used so far, so there is nothing to compare yet."
    elif misfits:
        lead += " Nothing is deleted. In a month like these, this would be refused or cost more:"
    elif not any(line.verdict == "unknown" for line in report.lines):
        lead = f"Yes: {report.plan} would refuse nothing, and your usage would cost no more. {lead}"
    return FitView(
        title=f"Does your usage fit {report.plan}?",
        plan=report.plan,
        lead=lead,
        points=[words.describe_line(line, report, zone) for line in report.lines if line.verdict != "fits"],
        rows=[_build_row(line, report, zone) for line in report.lines],
    )


def _build_row(line: FitLine, report: FitReport, zone: str) -> FitRow:
    label, tone, symbol = _VERDICTS[line.verdict]
    if line.verdict == "dearer":
        label = f"{wording.format_amount(line.extra, report.currency)} dearer"
    return FitRow(
        label=f"{line.name}{_PER[line.span]}",
        granted=words.describe_limit(line),
        now=words.describe_now(line),
        worst=words.describe_worst(line, zone),
        badge=(label, tone, symbol),
    )
