"""Chart geometry: pure functions from figures to percentages. The template macros only print them.

Positions are percentages of the plot from its top left corner, with two decimals.
"""

from app.web.charts.parts import AxisLabel, Line, Mark, Tick, nice_scale
from app.web.charts.running import ChartTotal, RunningChart, draw_running_chart
from app.web.charts.series import MAX_LABELS, WIDEST, Chart, Series, WaterfallStep, bars, lines, waterfall
from app.web.charts.sparkline import Sparkline, draw_sparkline

__all__ = [
    "MAX_LABELS",
    "WIDEST",
    "AxisLabel",
    "Chart",
    "ChartTotal",
    "Line",
    "Mark",
    "RunningChart",
    "Series",
    "Sparkline",
    "Tick",
    "WaterfallStep",
    "bars",
    "draw_running_chart",
    "draw_sparkline",
    "lines",
    "nice_scale",
    "waterfall",
]
