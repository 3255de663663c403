"""What the terms of an org depend on, read together, and what follows from it for a period. Reads only."""

from __future__ import annotations

from collections.abc import Collection as Values
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.accounts import queries as accounts
from app.accounts.models import Org
from app.kit.errors import Unavailable
from app.kit.periods import Period
from app.subscriptions import queries
from app.subscriptions.models import Override, Subscription
from app.subscriptions.overage.consents import list_consents_of, overlaps
from app.subscriptions.overage.models import OverageConsent
from app.subscriptions.overrides.active import find_active, instant_in
from app.subscriptions.terms.resolver import Collection, MeterTerms, choose_currency, resolve_meter
from app.subscriptions.terms.restriction import find_lift_end, is_restricted
from app.subscriptions.terms.rules import PlanRules, load_rules

_METERS = text("SELECT id, key, archived_at IS NULL AS in_use FROM catalog_meters ORDER BY id")


@dataclass(frozen=True, slots=True)
class PeriodTerms:
    """A period's currency, and the terms of every meter in it by id.

    Terms of a meter hold until the instant in `valid_until`, if it is there.
    """

    currency: str
    meters: Mapping[int, MeterTerms]
    valid_until: Mapping[int, datetime]


@dataclass(frozen=True)
class TermsFacts:
    """An org's subscriptions, consents to pay for overage and overrides, the rules of versions, and the meters by id.

    Each meter `in_use` has terms in every period, also where the plan does not mention it. `restricted_to` is the
    default plan's rules while the org is restricted until it pays, since `restricted_at`; staff have lifted that until
    `lifted_until`.
    """

    subscriptions: Sequence[Subscription]
    consents: Sequence[OverageConsent]
    currency: str | None
    time_zone: str
    rules: Mapping[UUID, PlanRules]
    meters: Mapping[int, str]
    in_use: Values[int]
    overrides: Sequence[Override]
    restricted_at: datetime | None
    lifted_until: datetime | None
    restricted_to: PlanRules | None

    def collection_in(self, period: Period, rules: PlanRules, currency: str) -> Collection:
        """Whether somebody collects in a period: at its last instant (or now, if it is running), and at any instant.

        A subscription collects up to its last instant; a consent to pay for overage only by the prices agreed to.
        """
        agreed = [
            row
            for row in self.consents
            if row.currency == currency and self.rules[row.plan_version_id].overage == rules.overage
        ]
        collecting: list[Subscription | OverageConsent] = [row for row in agreed if overlaps(row, period)]
        collecting += list_collecting(self.subscriptions, period)
        return Collection(now=any(_holds_end(row, period) for row in collecting), ever=bool(collecting))

    def trial_in(self, period: Period, rules: PlanRules) -> str | None:
        """What holds above the allowances of a period that is a trial's; None where it is paid for."""
        tried = any(row.tries(period) for row in self.subscriptions if _overlaps(row, period))
        return rules.trial_overage if tried else None

    def restriction_in(self, period: Period, now: datetime) -> PlanRules | None:
        """The rules that a period is restricted to, as of now."""
        begun = self.restricted_at is not None and self.restricted_at < period.end
        holds = is_restricted(self.restricted_at, self.lifted_until, instant_in(period, now))
        return self.restricted_to if begun and holds else None

    def restriction_returns_in(self, period: Period, now: datetime) -> datetime | None:
        """When the restriction returns, if that is in the period."""
        end = find_lift_end(self.restricted_at, self.lifted_until, instant_in(period, now))
        return end if end is not None and end < period.end else None

    def resolve(self, period: Period, version_id: UUID, now: datetime) -> PeriodTerms:
        """Resolve a period's terms, as of now, on a plan version, which is among the loaded ones."""
        rules = self.rules[version_id]
        at_end = [row for row in self.subscriptions if _overlaps(row, period) and _holds_end(row, period)]
        currency = choose_currency(at_end[0].currency if at_end else None, self.currency, rules.currencies)
        collection = self.collection_in(period, rules, currency)
        trial = self.trial_in(period, rules)
        restricted, returns = self.restriction_in(period, now), self.restriction_returns_in(period, now)
        active = find_active(self.overrides, period, rules.plan_id, now)
        meters = {
            meter_id: resolve_meter(
                rules.find_rule(meter_id, currency),
                collection,
                overrides=active.for_meter(self.meters[meter_id], currency),
                trial=trial,
                restricted_to=restricted.meters.get(meter_id) if restricted else None,
            )
            for meter_id in {*self.in_use, *rules.meters}
        }
        until = {meter_id: first(active.valid_until(self.meters[meter_id]), returns) for meter_id in meters}
        return PeriodTerms(currency, meters, {meter_id: at for meter_id, at in until.items() if at is not None})


def load_facts(session: Session, org_id: UUID, versions: Values[UUID]) -> TermsFacts:
    """Load the facts for resolving terms on these plan versions. Raises `NotFound` (org), `Unavailable`."""
    return _load(session, {org_id: accounts.get_org(session, org_id)}, versions)[org_id]


def load_facts_of(session: Session, org_ids: Values[UUID], versions: Values[UUID]) -> dict[UUID, TermsFacts]:
    """Load the facts of several orgs by as many statements as those of one. Raises `NotFound`, `Unavailable`."""
    return _load(session, accounts.get_orgs(session, org_ids), versions) if org_ids else {}


def _load(session: Session, orgs: Mapping[UUID, Org], versions: Values[UUID]) -> dict[UUID, TermsFacts]:
    subscriptions, consents = queries.list_subscriptions_of(session, orgs), list_consents_of(session, orgs)
    current = {row.org_id: row for rows in subscriptions.values() for row in rows if row.is_open}
    restricted = any(row.limited_at for row in current.values())
    default = queries.get_default_version_id(session) if restricted else None
    agreed = {row.plan_version_id for rows in consents.values() for row in rows}
    rules = load_rules(session, {*versions, *agreed, *([default] if default else [])})
    meters = session.execute(_METERS).all()
    if missing := set(versions) - rules.keys():
        raise Unavailable(f"Plan versions are not in the catalogue: {missing}.")
    overrides: dict[UUID, list[Override]] = {org_id: [] for org_id in orgs}
    for override in session.scalars(select(Override).where(Override.org_id.in_(orgs))):
        overrides[override.org_id].append(override)
    keys, in_use = {row.id: row.key for row in meters}, [row.id for row in meters if row.in_use]
    return {
        org_id: TermsFacts(
            subscriptions=subscriptions[org_id],
            consents=consents[org_id],
            currency=org.currency,
            time_zone=org.time_zone,
            rules=rules,
            meters=keys,
            in_use=in_use,
            overrides=overrides[org_id],
            restricted_at=open_row.limited_at if open_row else None,
            lifted_until=open_row.restriction_lifted_until if open_row else None,
            restricted_to=rules[default] if default and open_row and open_row.limited_at else None,
        )
        for org_id, org in orgs.items()
        for open_row in [current.get(org_id)]
    }


def list_collecting(subscriptions: Iterable[Subscription], period: Period) -> list[Subscription]:
    """List those by which somebody collects payment in a period. A subscription collects up to its last instant."""
    return [row for row in subscriptions if row.collection != "none" and _overlaps(row, period)]


def first(*instants: datetime | None) -> datetime | None:
    """The earliest of the instants that there are."""
    return min((at for at in instants if at is not None), default=None)


def _overlaps(row: Subscription, period: Period) -> bool:
    return row.started_at < period.end and (row.ended_at is None or row.ended_at > period.start)


def _holds_end(row: Subscription | OverageConsent, period: Period) -> bool:
    return row.ended_at is None or row.ended_at >= period.end
