"""Whether plans are offered with their trial to an organisation."""

from __future__ import annotations

from collections.abc import Sequence

from app.payments.trials.uses import may_try
from app.statements.current_usage import CurrentUsage
from app.statements.offers import Offer
from app.web.database import session


def may_still_try(offers: Sequence[Offer], usage: CurrentUsage) -> bool:
    """Whether no trial of the organisation is known; asked only where a plan on sale has one."""
    if usage.paid_interval is not None or not any(offer.trial_days for offer in offers):
        return True
    return may_try(session(), usage.org_id)
