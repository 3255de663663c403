"""Pure forecasts: where a period's usage is heading, how sure that is, and when it meets a limit.

Must not know the database, Flask, plans, meters or money. `docs/forecast.md` states the method and its tested error.
"""

from app.forecast.back_test import find_typical_error
from app.forecast.days import LEAST_DAYS, MOST_DAYS, WEEKDAY_DAYS, DailyUsage
from app.forecast.forecast import Basis, Forecast, Point, forecast
from app.forecast.pace import LEAST_ELAPSED

__all__ = [
    "LEAST_DAYS",
    "LEAST_ELAPSED",
    "MOST_DAYS",
    "WEEKDAY_DAYS",
    "Basis",
    "DailyUsage",
    "Forecast",
    "Point",
    "find_typical_error",
    "forecast",
]
