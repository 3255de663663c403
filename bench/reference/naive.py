"""A usage view as usually written with an ORM: check the limit, check the key, write, count, commit."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import Identity, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.accounts import guards
from app.web.database import db

pages = Blueprint("bench", __name__)


class Naive(DeclarativeBase):
    pass


class Key(Naive):
    __tablename__ = "naive_keys"
    org_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    key: Mapped[UUID] = mapped_column(Uuid, primary_key=True)


class Event(Naive):
    __tablename__ = "naive_events"
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(Uuid)
    meter: Mapped[str]
    quantity: Mapped[Decimal]
    key: Mapped[UUID] = mapped_column(Uuid)
    kind: Mapped[str | None]
    provider: Mapped[str | None]


class Counter(Naive):
    __tablename__ = "naive_counters"
    org_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    meter: Mapped[str] = mapped_column(primary_key=True)
    period: Mapped[datetime] = mapped_column(primary_key=True)
    used: Mapped[Decimal]
    cap: Mapped[Decimal | None]


@pages.post("/api/v1/bench/null")
def null() -> Response:
    """A view that returns nothing, behind the same key and request limit as a check."""
    return Response(b"", content_type="application/json")


@pages.post("/api/v1/bench/naive")
def naive() -> tuple[Response, int]:
    """Record one event the usual way."""
    org_id = guards.identify_key(request).org_id
    assert org_id is not None
    sent = request.get_json()
    key, quantity = UUID(sent["id"]), Decimal(sent["quantity"])
    session = db.session()
    month = datetime.now(UTC).date().replace(day=1)
    counter = session.get(Counter, (org_id, sent["meter"], month), with_for_update=True)
    if counter is None or (counter.cap is not None and counter.used + quantity > counter.cap):
        session.rollback()
        return jsonify(error="over"), 429
    if session.get(Key, (org_id, key)) is not None:
        session.rollback()
        return jsonify(duplicates=1), 200
    session.add(Key(org_id=org_id, key=key))
    session.add(Event(org_id=org_id, meter=sent["meter"], quantity=quantity, key=key, kind=sent.get("kind"),
                      provider=sent.get("provider")))  # fmt: skip
    counter.used += quantity
    session.commit()
    return jsonify(recorded=1), 200
