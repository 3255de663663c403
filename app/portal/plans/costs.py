"""The chart of what each plan costs by usage, its slider, and the numbers behind them. Pure; costs are the server's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from app.kit.money import exponent, to_major
from app.portal.plans.hierarchy import within_sentence
from app.portal.shell.links import Link
from app.statements.cost_curve import (
    CostCurve,
    CurvePoint,
    build_cost_curve,
    choose_range,
    find_expected_use,
    list_meters,
    list_priced,
    list_ranges,
)
from app.statements.current_usage import CurrentUsage
from app.statements.offers import Offer
from app.statements.plan_context import PlanContext
from app.statements.wording import format_amount
from app.web.addresses import path_to
from app.web.charts import AxisLabel, Chart, Line, Mark, Tick, nice_scale
from app.web.filters import compact, quantity, round_money

REFUSED = "Refused"
TONES = 6
_AXIS = (Decimal(0), Decimal(25), Decimal(50), Decimal(75), Decimal(100))
_TALLEST = 2


class CostAsked(NamedTuple):
    """What the address asks the chart for: a meter by key, a usage to look at, and the range."""

    meter: str | None = None
    used: Decimal | None = None
    top: Decimal | None = None


class PlanCost(NamedTuple):
    """A plan's cost at the usage looked at."""

    tone: int
    name: str
    words: str


@dataclass(frozen=True, slots=True)
class CostRow:
    """Costs at a usage, a cell a plan; `best` is the index of the cheapest plan."""

    used: Decimal
    words: str
    cells: Sequence[str]
    best: int | None


@dataclass(frozen=True, slots=True)
class CostsView:
    """What templates/plans/_costs.html shows. `rows` are the slider's stops; that in `place` is nearest to `here`."""

    meter: str
    name: str
    lead: str
    used: Decimal
    top: Decimal
    place: int
    here: CostRow
    plans: Sequence[PlanCost]
    meters: Sequence[Link]
    ranges: Sequence[Link]
    chart: Chart
    rows: Sequence[CostRow]


def build_costs_view(
    offers: Sequence[Offer], context: PlanContext, usage: CurrentUsage | None, asked: CostAsked
) -> CostsView | None:
    """Build the chart of a meter; None where no price depends on usage."""
    priced = list_priced(offers, context)
    meters = list_meters(priced)
    if not meters:
        return None
    meter = next((each for each in meters if each.key == asked.meter), meters[0])
    own = find_expected_use(usage).get(meter.key)
    ranges = list_ranges(priced, meter.key, own)
    top = asked.top if asked.top in ranges else choose_range(ranges, max(own or Decimal(0), asked.used or Decimal(0)))
    curve = build_cost_curve(priced, context, usage, meter, top=top, at=asked.used)
    return CostsView(
        meter=meter.key,
        name=within_sentence(meter.name),
        lead=_describe(curve, context, usage, len(meters)),
        used=curve.here.used,
        top=top,
        place=_find_place(curve),
        here=_row(curve.here, context.currency),
        plans=[
            PlanCost(_tone(number), offer.name, _words(curve.here.costs[number], context.currency))
            for number, offer in enumerate(priced)
        ],
        meters=[(each.name, _url(context, each.key), each.key == meter.key) for each in meters],
        ranges=[(f"To {compact(each).striptags()}", _url(context, meter.key, each), each == top) for each in ranges],
        chart=_draw(curve, context.currency),
        rows=[_row(point, context.currency) for point in curve.points],
    )


def _describe(curve: CostCurve, context: PlanContext, usage: CurrentUsage | None, meters: int) -> str:
    name = within_sentence(curve.meter.name)
    lead = f"What a month costs by {name}, fee and usage together, before tax."
    if context.interval == "year":
        lead += " A yearly price counts as a twelfth."
    if usage is None or curve.own is None:
        return lead
    others = " All other usage is counted as it is now." if meters > 1 else ""
    return f"{lead}{others} The dashed line is your own month: about {quantity(curve.own)} {name}."


def _url(context: PlanContext, meter: str, top: Decimal | None = None) -> str:
    more = {"meter": meter, **({} if top is None else {"top": f"{top:f}"})}
    return f"{path_to('plans.index', interval=context.interval, currency=context.currency, **more)}#costs"


def _row(point: CurvePoint, currency: str) -> CostRow:
    return CostRow(point.used, quantity(point.used), [_words(cost, currency) for cost in point.costs], point.cheapest)


def _find_place(curve: CostCurve) -> int:
    return min(range(len(curve.points)), key=lambda number: abs(curve.points[number].used - curve.here.used))


def _words(cost: int | None, currency: str) -> str:
    return REFUSED if cost is None else format_amount(cost, currency)


def _tone(number: int) -> int:
    return number % TONES + 1


def _draw(curve: CostCurve, currency: str) -> Chart:
    scale = nice_scale(to_major(_find_tallest(curve), exponent(currency)))
    names = [offer.name for offer in curve.offers]
    marks = [] if curve.own is None else [Mark(_x(curve, curve.own), "Your own use")]
    return Chart(
        ticks=[Tick(_two(100 - value / scale[-1] * 100), _money(value, currency)) for value in scale],
        labels=[_label(curve, x) for x in _AXIS],
        legend=[],
        table_head=["Usage", *names],
        table=[],
        bars=[],
        lines=[Line(_points(curve, number, scale[-1], currency), None, _tone(number)) for number in range(len(names))],
        marks=[*marks, Mark(_x(curve, curve.here.used), "The usage chosen")],
    )


def _find_tallest(curve: CostCurve) -> int:
    """What the scale must reach: not the cost of a plan far beyond what it is made for."""
    costs = [cost for point in curve.points for cost in point.costs if cost is not None]
    least = [point.costs[point.cheapest] or 0 for point in curve.points if point.cheapest is not None]
    fees = [cost for cost in curve.points[0].costs if cost is not None]
    sensible = _TALLEST * max([*least, *fees], default=0)
    return min(max(costs, default=0), sensible) or max(costs, default=0)


def _points(curve: CostCurve, number: int, highest: Decimal, currency: str) -> str:
    end = curve.ends[number]
    drawn = [*curve.points, *([end] if end is not None else [])]
    places = exponent(currency)
    return " ".join(
        f"{_x(curve, point.used)},{_two(100 - to_major(cost, places) / highest * 100)}"
        for point in sorted(drawn, key=lambda point: point.used)
        if (cost := point.costs[number]) is not None
    )


def _label(curve: CostCurve, x: Decimal) -> AxisLabel:
    anchor = {0: "start", 100: "end"}.get(int(x), "middle")
    return AxisLabel(x, compact(curve.top * x / 100).striptags(), anchor, minor=x in _AXIS[1::2])


def _money(value: Decimal, currency: str) -> str:
    return round_money(value, currency)


def _x(curve: CostCurve, used: Decimal) -> Decimal:
    return _two(min(used / curve.top, Decimal(1)) * 100)


def _two(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"))
