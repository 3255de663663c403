"""How far the close of each usage period has come, and what it would come to."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.catalog.models import spelled
from app.kit.db import Base


class PeriodClose(Base):
    """The close of a usage period: rated at `rated_at`, done with at `billed_at`.

    `mark` is a transaction horizon of the database `cluster`: what transactions below it recorded is billed, what comes
    above is late. `error` says why the last attempt failed. `replays` counts Stripe's failures of its own, which it
    repeats under their key, so that the next attempt needs another.
    """

    __tablename__ = "period_closes"
    __table_args__ = (
        CheckConstraint("period_end > period_start", name="period"),
        CheckConstraint("num_nonnulls(mark, cluster, rated_at) IN (0, 3)", name="mark"),
        CheckConstraint("billed_at IS NULL OR rated_at IS NOT NULL", name="billed"),
        # serves: the run that bills what is rated, and the report of what is not finished
        Index("ix_period_closes_unbilled", "period_end", postgresql_where=text("billed_at IS NULL")),
        # serves: the report of a run
        Index(None, "rated_at"),
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    period_start: Mapped[datetime] = mapped_column(primary_key=True)
    period_end: Mapped[datetime]
    mark: Mapped[int | None] = mapped_column(BigInteger)
    cluster: Mapped[str | None]
    rated_at: Mapped[datetime | None]
    billed_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    replays: Mapped[int] = mapped_column(server_default=text("0"))
    failed_at: Mapped[datetime | None]
    error: Mapped[str | None]


class Rehearsal(Base):
    """What closing an org's running period would have written, worked out in a transaction that was rolled back.

    One a night; the last two are kept. `amount` is what the period's usage comes to, `late` what closed periods add,
    `estimate` the running estimate of the same instant, which must equal `amount`; in minor units. `error`: it failed.
    """

    __tablename__ = "rehearsals"
    __table_args__ = (
        CheckConstraint("period_end > period_start", name="period"),
        spelled("currency", "^[A-Z]{3}$"),
        # serves: what staff see of a night, by when the periods end
        Index(None, "night", "period_end"),
        # serves: the alarms of a night
        Index(
            "ix_rehearsals_alarms", "night", postgresql_where=text("error IS NOT NULL OR amount <> estimate")
        ),
    )  # fmt: skip

    org_id: Mapped[UUID] = mapped_column(ForeignKey("orgs.id"), primary_key=True)
    night: Mapped[datetime] = mapped_column(primary_key=True)
    rehearsed_at: Mapped[datetime]
    period_start: Mapped[datetime]
    period_end: Mapped[datetime]
    currency: Mapped[str | None]
    amount: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    late: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    estimate: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    error: Mapped[str | None]
