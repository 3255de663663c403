"""Calendar months as addresses name them, in UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from app.kit.periods import Period, month_of

_MOST = 24
PATTERN = r"^20[0-9]{2}-(0[1-9]|1[0-2])\Z"


def find_month(named: str) -> Period | None:
    """Find the month that text such as 2026-11 names; None for any other text."""
    if not re.match(PATTERN, named, re.ASCII):
        return None
    year, month = named.split("-")
    return month_of(datetime(int(year), int(month), 1, tzinfo=UTC), "UTC")


def list_months(now: datetime) -> Sequence[tuple[str, str]]:
    """List the last 24 months, the running one first: as an address names each, and in words."""
    year, month = now.astimezone(UTC).year, now.astimezone(UTC).month
    numbers = [divmod(12 * year + month - 1 - back, 12) for back in range(_MOST)]
    firsts = [datetime(at, ordinal + 1, 1, tzinfo=UTC) for at, ordinal in numbers]
    return [(f"{first:%Y-%m}", f"{first:%B %Y}") for first in firsts]
