"""Reads that are asked together answer what each answers alone."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import (
    Boolean,
    Date,
    DateTime,
    Executable,
    LargeBinary,
    Numeric,
    Select,
    Text,
    Uuid,
    func,
    select,
    text,
    update,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from app.catalog.models import Meter, Plan, PlanPrice, PlanVersion
from app.kit.postgres.together import ask, prepare, read_together
from tests import factories
from tests.support.statements import asked_inside

_TYPES = text("""
SELECT CAST('0199c2f0-0000-7000-8000-000000000001' AS uuid) AS id,
       CAST('2026-11-21 12:00:00.000001+02' AS timestamptz) AS at,
       CAST('2026-11-21' AS date) AS day, 12345678901234567890123.4500::numeric AS exact, 100::numeric AS whole,
       'NaN'::numeric AS none, CAST('\\x00ff' AS bytea) AS hash, '{"a": [1, "2", null]}'::jsonb AS said, true AS yes,
       'é "quoted"' AS words, CAST(NULL AS numeric) AS nothing
""").columns(
    id=Uuid, at=DateTime(timezone=True), day=Date, exact=Numeric, whole=Numeric, none=Numeric, hash=LargeBinary,
    said=JSONB, yes=Boolean, words=Text, nothing=Numeric,
)  # fmt: skip


def test_values_keep_their_types(session: Session) -> None:
    [[row]] = read_together(session, _TYPES)
    assert row.id == UUID("0199c2f0-0000-7000-8000-000000000001")
    assert row.at == datetime(2026, 11, 21, 10, 0, 0, 1, tzinfo=UTC)
    assert str(row.day) == "2026-11-21"
    assert [str(each) for each in (row.exact, row.whole, row.none)] == ["12345678901234567890123.4500", "100", "NaN"]
    assert isinstance(row.whole, Decimal)
    assert (row.hash, row.said, row.yes, row.words) == (b"\x00\xff", {"a": [1, "2", None]}, True, 'é "quoted"')
    assert row.nothing is None


@pytest.fixture
def queries(session: Session) -> list[Select[Any]]:
    made = factories.make_plan(session, allowance=7)
    version = select(PlanVersion).where(PlanVersion.id == made.version_id)
    prices = select(PlanPrice).where(PlanPrice.plan_version_id == made.version_id).order_by(PlanPrice.amount.desc())
    both = select(PlanVersion.id, Plan.id, Plan.key).join(Plan, Plan.id == PlanVersion.plan_id)
    return [version, prices, both.where(PlanVersion.id == made.version_id), select(Meter).where(Meter.key == "none")]


def test_they_are_one_statement_and_answer_what_each_answers_alone(
    session: Session, queries: list[Select[Any]]
) -> None:
    session.rollback()
    with asked_inside() as asked:
        [version], prices, [row], nothing = read_together(session, *queries)
    assert len(asked) == 1
    assert [each.amount for each in prices] == [10000, 1000]
    assert (row[0], row[1], row.key) == (version.id, version.plan_id, row.key)
    assert nothing == []
    assert [version] == list(session.scalars(queries[0]))
    assert prices == list(session.scalars(queries[1]))
    assert tuple(row) == tuple(session.execute(queries[2]).one())


def test_an_object_that_the_session_has_is_that_object_with_what_changed_since_it_expired(
    session: Session, queries: list[Select[Any]]
) -> None:
    known = session.scalars(select(Meter).order_by(Meter.id)).first()
    assert known
    known.name = "Renamed"
    [[found]] = read_together(session, select(Meter).where(Meter.id == known.id, Meter.name == "Renamed"))
    assert found is known
    session.rollback()
    [[again]] = read_together(session, select(Meter).where(Meter.id == known.id))
    assert again is known
    assert again.name != "Renamed"


def test_a_query_that_populates_what_exists_brings_what_others_have_committed(
    session: Session, database: str, queries: list[Select[Any]]
) -> None:
    known = session.scalars(select(Meter).order_by(Meter.id)).first()
    assert known
    before, query = known.name, select(Meter).where(Meter.id == known.id)
    with psycopg.connect(database) as other:
        other.execute("UPDATE meters SET name = 'Changed' WHERE id = %s", (known.id,))
    try:
        [[found]] = read_together(session, query)
        assert (found is known, known.name) == (True, before)
        [[found]] = read_together(session, query.execution_options(populate_existing=True))
        assert (found is known, known.name) == (True, "Changed")
    finally:
        session.rollback()
        with psycopg.connect(database) as other:
            other.execute("UPDATE meters SET name = %s WHERE id = %s", (before, known.id))


def test_nothing_is_asked_for_nothing(session: Session) -> None:
    with asked_inside() as asked:
        assert read_together(session) == []
    assert asked == []


def test_what_was_prepared_is_not_asked_again_until_something_is_written(
    session: Session, queries: list[Select[Any]]
) -> None:
    alone = [ask(session, query) for query in queries]
    prepare(session, *queries)
    with asked_inside() as asked:
        assert [ask(session, query) for query in queries] == alone
        assert [ask(session, query) for query in queries] == alone
    assert asked == []
    other = select(Meter).where(Meter.key == "other")  # the same form with another value
    with asked_inside() as asked:
        assert ask(session, other) == []
    assert len(asked) == 1
    prepare(session, *queries)
    session.add(Meter(key=factories.unique("m").replace("-", "_"), name="M", unit="m", aggregation="sum"))
    session.flush()
    with asked_inside() as asked:
        ask(session, queries[0])
    assert len(asked) == 1


@pytest.mark.parametrize(
    "statement",
    [
        text("UPDATE meters SET name = name WHERE id = 0"),
        text("SELECT pg_advisory_xact_lock(7)"),
        text("SELECT FROM meters FOR UPDATE"),
        update(Meter).where(Meter.id == 0).values(name="M"),
        select(func.pg_advisory_xact_lock(7)),
        select(Meter).with_for_update(),
    ],
    ids=str,
)
def test_after_a_write_and_under_a_lock_everything_is_asked_anew(
    session: Session, queries: list[Select[Any]], statement: Executable
) -> None:
    prepare(session, *queries)
    session.execute(statement)
    with asked_inside() as asked:
        ask(session, queries[0])
    assert len(asked) == 1


def test_what_was_prepared_outlives_other_reads(session: Session, queries: list[Select[Any]]) -> None:
    prepare(session, *queries)
    session.execute(text("SELECT 1"))
    session.execute(select(Meter))
    with asked_inside() as asked:
        ask(session, queries[0])
    assert asked == []


def test_what_was_prepared_ends_with_its_transaction(session: Session, queries: list[Select[Any]]) -> None:
    prepare(session, *queries)
    session.rollback()
    with asked_inside() as asked:
        ask(session, queries[0])
    assert len(asked) == 1
