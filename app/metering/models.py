"""Tables of metering. SQL functions write the usage rows; these models describe and read them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Index,
    LargeBinary,
    Numeric,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.db import Base

QUANTITY = Numeric(21, 6)
TOTAL = Numeric(38, 6)


class UsageKey(Base):
    """Claims an event's id: the id (or its hash), the hash of the content first sent with it, and its import if any."""

    __tablename__ = "usage_keys"
    __table_args__ = (
        CheckConstraint("octet_length(content) = 16", name="content"),
        # serves the void of an import
        Index("ix_usage_keys_import_id", "import_id", "org_id", "key", postgresql_where=text("import_id IS NOT NULL")),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[UUID] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    occurred_at: Mapped[datetime]
    import_id: Mapped[UUID | None]


class UsageEvent(Base):
    """An immutable record of use, partitioned by month of `occurred_at`. `tx` is the id of the writing transaction."""

    __tablename__ = "usage_events"
    __table_args__ = (
        CheckConstraint("quantity >= 0 OR reverses IS NOT NULL", name="quantity"),
        CheckConstraint("source IN ('api', 'import', 'job', 'void')", name="source"),
        CheckConstraint("attempt IN ('original', 'retry', 'rerun')", name="attempt"),
        # serves an org's raw events by time, newest first, and counting a period's events again
        Index("ix_usage_events_org_id_occurred_at", "org_id", "occurred_at"),
        # serves the roll-ups: the rows of transactions between two watermarks
        Index("ix_usage_events_tx", "tx", postgresql_using="brin"),
        {"postgresql_partition_by": "RANGE (occurred_at)"},
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, server_default=text("nextval('usage_events_seq')"))
    tx: Mapped[int] = mapped_column(BigInteger, server_default=text("pg_current_xact_id()::text::bigint"))
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    response_ms: Mapped[int | None]
    meter_id: Mapped[int]
    file_bytes: Mapped[int | None] = mapped_column(BigInteger)
    status_code: Mapped[int | None]
    billable: Mapped[bool]
    plan_version_id: Mapped[UUID | None]
    subject_id: Mapped[UUID | None]
    client_id: Mapped[UUID | None]
    api_key_id: Mapped[UUID | None]
    reverses: Mapped[UUID | None]
    quantity: Mapped[Decimal] = mapped_column(QUANTITY)
    event_id: Mapped[str]
    source: Mapped[str]
    kind: Mapped[str | None]
    provider: Mapped[str | None]
    endpoint: Mapped[str | None]
    language: Mapped[str | None]
    format: Mapped[str | None]
    job_id: Mapped[str | None]
    attempt: Mapped[str | None]
    billing_reason: Mapped[str | None]
    details_hash: Mapped[bytes | None] = mapped_column(LargeBinary)


class EventDetails(Base):
    """The erasable part of an event: its metadata, and the salt of the hash that the event keeps."""

    __tablename__ = "event_details"
    __table_args__ = ({"postgresql_partition_by": "RANGE (occurred_at)"},)

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[UUID] = mapped_column(primary_key=True)
    occurred_at: Mapped[datetime] = mapped_column(primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB)


class Subject(Base):
    """A user of the host product, under an opaque id. The label is null once erased.

    The label alone says which member it is: the one whose external id equals it, whichever was there first.
    """

    __tablename__ = "subjects"
    __table_args__ = (UniqueConstraint("org_id", "label"),)

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    label: Mapped[str | None]
    erased_at: Mapped[datetime | None]


class UsageCounter(Base):
    """An org's usage of a meter in a period: `billable` takes room and is priced, `unbilled` was imported.

    `unsettled`: the transaction that moved a boundary of the period. Until it is settled, a maximum is at least what
    it says, unique values are at most so many, and the period must not be rated.
    """

    __tablename__ = "usage_counters"
    __table_args__ = (
        CheckConstraint("reserved >= 0", name="reserved"),
        # serves the task that counts anew what moved boundaries left unsettled
        Index("ix_usage_counters_unsettled", "org_id", postgresql_where=text("unsettled IS NOT NULL")),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    meter_id: Mapped[int] = mapped_column(ForeignKey("meters.id"), primary_key=True, autoincrement=False)
    period_start: Mapped[datetime] = mapped_column(primary_key=True)
    used: Mapped[Decimal] = mapped_column(TOTAL, server_default=text("0"))
    reserved: Mapped[Decimal] = mapped_column(TOTAL, server_default=text("0"))
    unbilled: Mapped[Decimal] = mapped_column(TOTAL, server_default=text("0"))
    billable: Mapped[Decimal] = mapped_column(TOTAL, Computed("used - unbilled", persisted=True))
    events: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    unsettled: Mapped[int | None] = mapped_column(BigInteger)


class UsageWindow(Base):
    """Usage of a meter that happened in a minute, hour or day; kept only for meters with such a limit."""

    __tablename__ = "usage_windows"
    __table_args__ = (
        CheckConstraint("span IN ('minute', 'hour', 'day')", name="span"),
        # serves the removal of past windows
        Index("ix_usage_windows_starts_at", "starts_at"),
    )

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    meter_id: Mapped[int] = mapped_column(ForeignKey("meters.id"), primary_key=True, autoincrement=False)
    span: Mapped[str] = mapped_column(primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    ends_at: Mapped[datetime]
    used: Mapped[Decimal] = mapped_column(TOTAL, server_default=text("0"))


class UsageUnique(Base):
    """A value of a `unique` meter's dimension, claimed once per period.

    `billable`: a billable event has brought it. One that only imports brought takes no room.
    """

    __tablename__ = "usage_uniques"
    __table_args__ = (CheckConstraint("octet_length(value_hash) = 16", name="value_hash"),)

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    meter_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    period_start: Mapped[datetime] = mapped_column(primary_key=True)
    value_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    billable: Mapped[bool]


class RefusedEvent(Base):
    """An event, as sent, refused for a reason other than a limit; kept for 30 days."""

    __tablename__ = "refused_events"
    # serves the removal of rows older than 30 days; rows arrive in time order
    __table_args__ = (Index("ix_refused_events_at", "at", postgresql_using="brin"),)

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    event_id: Mapped[str | None]
    code: Mapped[str]
    detail: Mapped[str]
    event: Mapped[Any] = mapped_column(JSON)


class RefusedQuota(Base):
    """The number and quantity of events that a limit refused in an hour; kept for 30 days."""

    __tablename__ = "refused_quota"
    # serves the removal of rows older than 30 days
    __table_args__ = (Index("ix_refused_quota_hour", "hour"),)

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    meter_id: Mapped[int] = mapped_column(ForeignKey("meters.id"), primary_key=True, autoincrement=False)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    quantity: Mapped[Decimal] = mapped_column(TOTAL)


class RefusedTally(Base):
    """How many refused events of an hour and code are kept as sent, and how many more there were; for 30 days."""

    __tablename__ = "refused_hours"
    # serves the removal of rows older than 30 days
    __table_args__ = (Index("ix_refused_hours_hour", "hour"),)

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    kept: Mapped[int] = mapped_column(BigInteger)
    more: Mapped[int] = mapped_column(BigInteger)
