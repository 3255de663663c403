"""Whether anything of a running period becomes dearer or less under a version: then it is not changed without notice.

Compared are the terms themselves, at every quantity, not only what has been used by now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.kit.periods import Period
from app.subscriptions.overrides.active import find_active
from app.subscriptions.overrides.dearer import is_dearer, load_priced
from app.subscriptions.terms.facts import PeriodTerms, TermsFacts
from app.subscriptions.terms.resolver import WINDOWS, MeterTerms
from app.subscriptions.terms.unmetered import Unmetered, resolve_unmetered


@dataclass
class TermsComparison:
    """Compares terms with a version's, as of an instant. Most organisations have the same: each is compared once."""

    version_id: UUID
    at: datetime
    known: dict[tuple[Any, ...], bool] = field(default_factory=dict)

    def is_worse(self, session: Session, facts: TermsFacts, held_id: UUID, period: Period) -> bool:
        """Whether a period's terms under the version are dearer at some quantity, or allow less, than those it has."""
        at = self.at
        before, after = facts.resolve(period, held_id, at), facts.resolve(period, self.version_id, at)
        if before.currency != after.currency or _allows_less(before, after):
            return True
        plain = (_list_unmetered(facts, each, period, at) for each in (held_id, self.version_id))
        return _grants_less(*plain) or self._is_dearer(session, before, after)

    def _is_dearer(self, session: Session, before: PeriodTerms, after: PeriodTerms) -> bool:
        pairs = [(before.meters[meter_id], terms) for meter_id, terms in after.meters.items()]
        changed = [(old, new) for old, new in pairs if _charge(old) != _charge(new)]
        for old, new in changed:
            key = (_charge(old), _charge(new))
            if key not in self.known:
                self.known[key] = is_dearer(*load_priced(session, old, new))
            if self.known[key]:
                return True
        return False


def _charge(terms: MeterTerms) -> tuple[Any, ...]:
    return terms.allowance, terms.charge_id


def _allows_less(before: PeriodTerms, after: PeriodTerms) -> bool:
    """Whether a meter's cap or window, or what is included in it, is lower."""
    return any(
        is_lower(getattr(before.meters[meter_id], name), getattr(terms, name))
        for meter_id, terms in after.meters.items()
        for name in ("allowance", "cap", *WINDOWS)
    )


def is_lower(before: Decimal | None, after: Decimal | None) -> bool:
    """Whether a limit is lower; None is unlimited."""
    return after is not None and (before is None or after < before)


def _list_unmetered(facts: TermsFacts, version_id: UUID, period: Period, at: datetime) -> Unmetered:
    rules = facts.rules[version_id]
    return resolve_unmetered(rules, find_active(facts.overrides, period, rules.plan_id, at), None)


def _grants_less(before: Unmetered, after: Unmetered) -> bool:
    """Whether a limit of no meter is lower, or a feature is gone or another one."""
    if any(is_lower(_value(before, key), _value(after, key)) for key in {*before.limits, *after.limits}):
        return True
    return any(_list_lost({key: grant.value for key, grant in before.features.items()}, after))


def _value(found: Unmetered, key: str) -> Decimal | None:
    return found.limits[key].value if key in found.limits else None


def _list_lost(features: Mapping[str, Any], after: Unmetered) -> Iterator[bool]:
    for key, value in features.items():
        now = after.features[key].value if key in after.features else None
        yield value not in (None, False) and now != value
