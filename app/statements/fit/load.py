"""Reads what the fit report compares with a plan: past usage periods, and the busiest days, hours and minutes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from app.metering import queries as metering
from app.statements import queries
from app.statements.current_usage import CurrentUsage
from app.statements.fit.report import FitReport, Peak, Span, build_fit
from app.statements.offers import Offer
from app.statements.past_usage import list_past_periods
from app.statements.plan_costs import find_own

_YEAR = timedelta(days=365)


def load_fit(session: Session, offer: Offer, usage: CurrentUsage, offers: Sequence[Offer]) -> FitReport:
    """Whether an organisation's usage of the running period and of the last twelve fits a plan. Own: among `offers`.

    One query, and one more for each kind of window that the plan limits: days, or hours and minutes. Hours and minutes
    are known of the last two days only, and only where such a limit holds already.
    """
    past, peaks = list_past_periods(session, usage), _find_peaks(session, offer, usage)
    return build_fit(offer, usage, past, peaks, find_own(offers, usage))


def _find_peaks(session: Session, offer: Offer, usage: CurrentUsage) -> dict[tuple[str, Span], Peak]:
    rules = [meter.rule for meter in offer.meters.values()]
    peaks: dict[tuple[str, Span], Peak] = {}
    if any(rule.per_day is not None for rule in rules):
        today = usage.today
        peaks |= {(meter, "day"): Peak(Decimal(0), Decimal(0)) for meter in offer.meters}
        for busy in metering.list_busiest_days(session, usage.org_id, today - _YEAR, today):
            peaks[busy.meter, "day"] = Peak(busy.quantity, busy.last_quantity, busy.day)
    if any(rule.per_hour is not None or rule.per_minute is not None for rule in rules):
        for row in queries.list_busiest_windows(session, usage.org_id, usage.as_of):
            peaks[row.key, row.span] = Peak(row.most, row.now)
    return peaks
