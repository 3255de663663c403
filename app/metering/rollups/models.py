"""Tables of the roll-ups and their progress."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base
from app.metering.models import TOTAL

DIMENSIONS = (
    "", "kind", "provider", "endpoint", "user", "client", "key", "plan", "language", "format", "attempt", "status",
    "hour",
)  # fmt: skip
MEASURED = ("", "kind", "provider", "endpoint", "key", "hour")
"""The dimensions that have histograms: a response time by user would be kept for each of many."""
_DIMENSION = f"dimension IN ({', '.join(repr(name) for name in DIMENSIONS)})"


class Measures:
    """What a roll-up has besides quantity and events. None where no event has any.

    `unbilled` is part of the quantity (imports), `free` and `free_events` are not: retries and other work that is never
    billed. Both only of sums and counts. The histograms are packed (`usage_packed`).
    """

    unbilled: Mapped[Decimal | None] = mapped_column(TOTAL)
    free: Mapped[Decimal | None] = mapped_column(TOTAL)
    free_events: Mapped[int | None] = mapped_column(BigInteger)
    responses: Mapped[Decimal | None] = mapped_column(Numeric)
    latency: Mapped[Decimal | None] = mapped_column(Numeric)
    sizes: Mapped[Decimal | None] = mapped_column(Numeric)


class UsageDay(Measures, Base):
    """An org's usage of a meter on a day in its time zone. `dimension` '' is the total, with `value` ''."""

    __tablename__ = "usage_days"
    __table_args__ = (
        CheckConstraint(_DIMENSION, name="dimension"),
        # serves the top orgs over days by meter (staff)
        Index(None, "day", "meter_id", postgresql_where=text("dimension = ''")),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    dimension: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    meter_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[Decimal] = mapped_column(TOTAL)
    events: Mapped[int] = mapped_column(BigInteger)


class UsageMonth(Measures, Base):
    """An org's usage of a meter in a calendar month of its time zone, keyed by the first day."""

    __tablename__ = "usage_months"
    __table_args__ = (
        CheckConstraint(_DIMENSION, name="dimension"),
        CheckConstraint("extract(day FROM month) = 1", name="month"),
        # serves the top orgs of a month by meter (staff)
        Index(None, "month", "meter_id", postgresql_where=text("dimension = ''")),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    dimension: Mapped[str] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    meter_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[Decimal] = mapped_column(TOTAL)
    events: Mapped[int] = mapped_column(BigInteger)


class UsageUserMonth(Base):
    """What a user used of a meter in a calendar month of the org's time zone, by a dimension with few values.

    The user's total is a row of `usage_months`. `quantity` and parts are of sums and counts only.
    """

    __tablename__ = "usage_user_months"
    __table_args__ = (
        CheckConstraint("dimension IN ('kind', 'provider', 'format', 'attempt')", name="dimension"),
        CheckConstraint("extract(day FROM month) = 1", name="month"),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    meter_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    dimension: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[Decimal | None] = mapped_column(TOTAL)
    events: Mapped[int] = mapped_column(BigInteger)
    unbilled: Mapped[Decimal | None] = mapped_column(TOTAL)
    free: Mapped[Decimal | None] = mapped_column(TOTAL)
    free_events: Mapped[int | None] = mapped_column(BigInteger)


class UsageActiveMonth(Base):
    """The days of a calendar month of the org's zone on which an org or one of its users had usage that counts.

    `subject_id` is the org's own id for the org itself. Bit 0 of `days` is the first.
    """

    __tablename__ = "usage_active_months"
    __table_args__ = (CheckConstraint("extract(day FROM month) = 1", name="month"),)

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    days: Mapped[int]


class UsageActiveCount(Base):
    """How many orgs or users were active on a day or in a month, by how long before they were so last."""

    __tablename__ = "usage_active_counts"
    __table_args__ = (CheckConstraint("bucket IN ('day', 'month')", name="bucket"),)

    bucket: Mapped[str] = mapped_column(primary_key=True)
    starts_on: Mapped[date] = mapped_column(primary_key=True)
    is_user: Mapped[bool] = mapped_column(primary_key=True)
    gap: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    active: Mapped[int] = mapped_column(BigInteger)


class UsageTotal(Measures, Base):
    """All orgs' usage of a meter on a UTC day, for staff. For dimension `plan`, `value` is a plan version's id."""

    __tablename__ = "usage_totals"
    __table_args__ = (
        CheckConstraint("dimension IN ('', 'plan', 'kind', 'provider', 'endpoint', 'hour')", name="dimension"),
    )

    day: Mapped[date] = mapped_column(primary_key=True)
    dimension: Mapped[str] = mapped_column(primary_key=True)
    meter_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[Decimal] = mapped_column(TOTAL)
    events: Mapped[int] = mapped_column(BigInteger)


class RollupState(Base):
    """The watermark: roll-ups include the events with tx < `upto` or seq <= `floor_seq`."""

    __tablename__ = "rollup_state"
    __table_args__ = (CheckConstraint("name IN ('orgs', 'totals')", name="name"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    upto: Mapped[int] = mapped_column(BigInteger)
    floor_seq: Mapped[int] = mapped_column(BigInteger)
    cluster: Mapped[str]
    folded_at: Mapped[datetime | None]


class RollupOrg(Base):
    """The time zone of an org's roll-ups, and whether they must be rebuilt."""

    __tablename__ = "rollup_orgs"
    # serves the fold's search for orgs to rebuild
    __table_args__ = (Index("ix_rollup_orgs_stale", "org_id", postgresql_where=text("stale")),)

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    time_zone: Mapped[str]
    stale: Mapped[bool]


class RollupValue(Base):
    """How an item that a `unique` meter counts stands on a day: the sum of its events' signs.

    `value_hash` contains the dimension, its value and the item (`rollup_value_hash`).
    """

    __tablename__ = "rollup_values"
    __table_args__ = (CheckConstraint("octet_length(value_hash) = 16", name="value_hash"),)

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    meter_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    standing: Mapped[int] = mapped_column(BigInteger)
