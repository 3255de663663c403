"""Tables of the catalogue. Published versions and their parts are immutable; triggers enforce it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.kit.db import Base

AGGREGATIONS = ("sum", "count", "max", "unique")
ADDITIVE = frozenset({"sum", "count"})
"""Of these, parts add up to the whole and days to a range."""
POLICIES = ("block", "charge", "warn")
INTERVALS = ("month", "year")
COLLECT = ("period", "immediate")
TAX_BEHAVIORS = ("exclusive", "inclusive")
MOST_TRIAL_DAYS = 90
TRIAL_OVERAGE = ("block", "charge")
TAX_CODE = "^txcd_[0-9]{8}$"
LIMITS = ("jobs_at_once", "file_bytes", "requests_per_minute", "retention_days")
MODELS = ("flat", "per_unit", "graduated", "volume", "package", "stairstep", "percentage", "graduated_percentage")
KEY = "^[a-z][a-z0-9_]{0,62}$"


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """CHECK that a text column has one of these values; named after the column."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)


def spelled(column: str, pattern: str) -> CheckConstraint:
    """CHECK that a text column matches a pattern; named after the column."""
    return CheckConstraint(f"{column} ~ '{pattern}'", name=column)


class Meter(Base):
    """A named quantity. Its aggregation and dimension never change."""

    __tablename__ = "meters"
    __table_args__ = (
        one_of("aggregation", AGGREGATIONS),
        spelled("key", KEY),
        CheckConstraint("(aggregation = 'unique') = (dimension IS NOT NULL)", name="dimension"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    unit: Mapped[str]
    aggregation: Mapped[str]
    dimension: Mapped[str | None]
    archived_at: Mapped[datetime | None]


class Plan(Base):
    """A plan that customers choose by name. Its description may change; its terms are kept in versions."""

    __tablename__ = "plans"
    __table_args__ = (
        spelled("key", KEY),
        CheckConstraint("NOT is_default OR archived_at IS NULL", name="default_is_live"),
        # serves the look-up of the default plan, and allows only one
        Index("uq_plans_is_default", "is_default", unique=True, postgresql_where=text("is_default")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    summary: Mapped[str]
    public: Mapped[bool]
    is_default: Mapped[bool]
    position: Mapped[int]
    archived_at: Mapped[datetime | None]


class PlanVersion(Base):
    """The terms of a plan: prices, charges, allowances, limits and features. `queries` loads them all.

    `discount_usage`, `tax_behavior`, `tax_code`, `trial_days` and `trial_overage` are as in `definition.PlanTerms`.
    """

    __tablename__ = "plan_versions"
    __table_args__ = (
        UniqueConstraint("plan_id", "number"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("octet_length(content_hash) = 32", name="content_hash"),
        one_of("tax_behavior", TAX_BEHAVIORS),
        spelled("tax_code", TAX_CODE),
        CheckConstraint(f"trial_days BETWEEN 1 AND {MOST_TRIAL_DAYS}", name="trial_days"),
        one_of("trial_overage", TRIAL_OVERAGE),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    plan_id: Mapped[UUID] = mapped_column(ForeignKey("plans.id"))
    number: Mapped[int]
    published_at: Mapped[datetime | None]
    content_hash: Mapped[bytes] = mapped_column(LargeBinary)
    discount_usage: Mapped[bool] = mapped_column(server_default=text("false"))
    tax_behavior: Mapped[str | None]
    tax_code: Mapped[str | None]
    trial_days: Mapped[int | None]
    trial_overage: Mapped[str] = mapped_column(server_default=text("'block'"))

    plan: Mapped[Plan] = relationship(lazy="raise")
    prices: Mapped[list[PlanPrice]] = relationship(
        lazy="raise", order_by="(PlanPrice.currency, PlanPrice.interval)", viewonly=True
    )
    charges: Mapped[list[PlanCharge]] = relationship(
        lazy="raise", order_by="(PlanCharge.key, PlanCharge.currency)", viewonly=True
    )
    meters: Mapped[list[PlanMeter]] = relationship(lazy="raise", order_by="PlanMeter.meter_id", viewonly=True)
    limits: Mapped[list[PlanLimit]] = relationship(lazy="raise", order_by="PlanLimit.key", viewonly=True)
    features: Mapped[list[PlanFeature]] = relationship(
        lazy="raise", order_by="(PlanFeature.position, PlanFeature.key)", viewonly=True
    )


class PlanPrice(Base):
    """The flat fee per interval; `amount` in the currency's minor unit."""

    __tablename__ = "plan_prices"
    __table_args__ = (
        spelled("currency", "^[A-Z]{3}$"),
        one_of("interval", INTERVALS),
        CheckConstraint("amount >= 0", name="amount"),
    )

    plan_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"), primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    interval: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)


class PlanCharge(Base):
    """The price of a meter's usage above its allowance in a currency; `properties` depend on the pricing model."""

    __tablename__ = "plan_charges"
    __table_args__ = (
        UniqueConstraint("plan_version_id", "key", "currency"),
        UniqueConstraint("plan_version_id", "meter_id", "currency"),
        spelled("key", KEY),
        spelled("currency", "^[A-Z]{3}$"),
        one_of("model", MODELS),
        one_of("collect", COLLECT),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    plan_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"))
    key: Mapped[str]
    meter_id: Mapped[int] = mapped_column(ForeignKey("meters.id"))
    currency: Mapped[str]
    model: Mapped[str]
    properties: Mapped[dict[str, Any]] = mapped_column(JSONB)
    collect: Mapped[str]

    meter: Mapped[Meter] = relationship(lazy="raise")


class PlanMeter(Base):
    """Allowance, policy and window limits of a meter. None: an unlimited allowance, or no such limit."""

    __tablename__ = "plan_meters"
    __table_args__ = (
        one_of("policy", POLICIES),
        CheckConstraint("allowance >= 0", name="allowance"),
        CheckConstraint("hard_limit >= 0", name="hard_limit"),
        CheckConstraint("hard_limit >= allowance", name="hard_limit_holds_allowance"),
        CheckConstraint("per_minute > 0", name="per_minute"),
        CheckConstraint("per_hour > 0", name="per_hour"),
        CheckConstraint("per_day > 0", name="per_day"),
    )

    plan_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"), primary_key=True)
    meter_id: Mapped[int] = mapped_column(ForeignKey("meters.id"), primary_key=True)
    allowance: Mapped[Decimal | None]
    policy: Mapped[str]
    hard_limit: Mapped[Decimal | None]
    per_minute: Mapped[Decimal | None]
    per_hour: Mapped[Decimal | None]
    per_day: Mapped[Decimal | None]

    meter: Mapped[Meter] = relationship(lazy="raise")


class PlanLimit(Base):
    """A limit not tied to a meter: concurrent jobs, file size, requests per minute, retention days. None: unlimited."""

    __tablename__ = "plan_limits"
    __table_args__ = (one_of("key", LIMITS), CheckConstraint("value >= 0", name="value"))

    plan_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Decimal | None]


class PlanFeature(Base):
    """A feature of a plan beyond metered usage. `label` is displayed; `value` is a boolean, integer, string or list."""

    __tablename__ = "plan_features"
    __table_args__ = (spelled("key", KEY),)

    plan_version_id: Mapped[UUID] = mapped_column(ForeignKey("plan_versions.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]
    value: Mapped[Any] = mapped_column(JSONB)
    position: Mapped[int]
