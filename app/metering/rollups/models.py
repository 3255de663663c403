"""Rows of the roll-ups, of how far they have come, and of how far imports have come."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base
from app.metering.models import TOTAL

DIMENSIONS = ("", "kind", "provider", "endpoint", "user", "client", "key")
_DIMENSION = "dimension IN ('', 'kind', 'provider', 'endpoint', 'user', 'client', 'key')"


class UsageDay(Base):
    """An org's usage of a meter on a day of its zone; `dimension` '' is the total, and its `value` is ''."""

    __tablename__ = "usage_days"
    __table_args__ = (CheckConstraint(_DIMENSION, name="dimension"),)

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    dimension: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    meter_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[Decimal] = mapped_column(TOTAL)
    events: Mapped[int] = mapped_column(BigInteger)


class UsageMonth(Base):
    """The same by calendar month of the org's zone, under the month's first day."""

    __tablename__ = "usage_months"
    __table_args__ = (
        CheckConstraint(_DIMENSION, name="dimension"),
        CheckConstraint("extract(day FROM month) = 1", name="month"),
        # the top orgs of a month by a meter (staff)
        Index(None, "month", "meter_id", postgresql_where=text("dimension = ''")),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    dimension: Mapped[str] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    meter_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[Decimal] = mapped_column(TOTAL)
    events: Mapped[int] = mapped_column(BigInteger)


class UsageTotal(Base):
    """All orgs' usage of a meter on a UTC day, for staff; the value of dimension `plan` is a plan version's id."""

    __tablename__ = "usage_totals"
    __table_args__ = (CheckConstraint("dimension IN ('', 'plan', 'kind', 'provider')", name="dimension"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    dimension: Mapped[str] = mapped_column(primary_key=True)
    meter_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[str] = mapped_column(primary_key=True)
    quantity: Mapped[Decimal] = mapped_column(TOTAL)
    events: Mapped[int] = mapped_column(BigInteger)


class RollupState(Base):
    """How far the roll-ups have come: they hold the events with tx < `upto` or seq <= `floor_seq`."""

    __tablename__ = "rollup_state"
    __table_args__ = (CheckConstraint("name IN ('orgs', 'totals')", name="name"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    upto: Mapped[int] = mapped_column(BigInteger)
    floor_seq: Mapped[int] = mapped_column(BigInteger)
    cluster: Mapped[str]
    folded_at: Mapped[datetime | None]


class RollupOrg(Base):
    """The zone in which an org's days were cut, and whether they wait to be built again."""

    __tablename__ = "rollup_orgs"
    # the fold's look for orgs to build again
    __table_args__ = (Index("ix_rollup_orgs_stale", "org_id", postgresql_where=text("stale")),)

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    time_zone: Mapped[str]
    stale: Mapped[bool]


class RollupAnew(Base):
    """A day of an org's meter that is computed anew rather than added to (unique values), since when."""

    __tablename__ = "rollup_anew"

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    meter_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(primary_key=True)
    noted_at: Mapped[datetime]


class UsageImport(Base):
    """An import of a file under a mapping: the last line committed, and the counts up to it."""

    __tablename__ = "usage_imports"

    digest: Mapped[str] = mapped_column(primary_key=True)
    mapping: Mapped[str] = mapped_column(primary_key=True)
    file: Mapped[str]
    line: Mapped[int] = mapped_column(BigInteger)
    recorded: Mapped[int] = mapped_column(BigInteger)
    duplicates: Mapped[int] = mapped_column(BigInteger)
    bad: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
