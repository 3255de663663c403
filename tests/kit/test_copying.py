"""COPY through a session belongs to its transaction, and fails as any statement of it does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from app.kit.postgres.copying import copy_rows, encode_field

COPY = "COPY copied (id, words) FROM STDIN"


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1))
    with Session(engine) as made:
        made.execute(text("CREATE TEMP TABLE copied (id integer PRIMARY KEY, words text)"))
        made.commit()
        yield made
    engine.dispose()


def rows(session: Session) -> list[tuple[int, str | None]]:
    return [tuple(row) for row in session.execute(text("SELECT id, words FROM copied ORDER BY id"))]


def encoded(*fields: object) -> str:
    return "\t".join(map(encode_field, fields))


def test_rows_are_copied_whatever_their_text_holds(session: Session) -> None:
    words = ["tab\there", "back\\slash", "line\nbreak", "return\rhere", "\\N", "\\.", "", None, '{"a": "\\u0041"}']
    copy_rows(session, COPY, [encoded(*row) for row in enumerate(words)])
    assert rows(session) == list(enumerate(words))


def test_any_number_of_rows_is_copied(session: Session) -> None:
    copy_rows(session, COPY, [])
    copy_rows(session, COPY, [encoded(number, "word") for number in range(1001)])
    assert len(rows(session)) == 1001


def test_copied_rows_go_with_their_transaction(session: Session) -> None:
    copy_rows(session, COPY, [encoded(1, "one")])
    session.rollback()
    assert rows(session) == []


@pytest.mark.parametrize(("bad", "error"), [((1, "again"), IntegrityError), (("one", "no number"), DataError)])
def test_a_refused_row_is_an_error_of_sqlalchemys(session: Session, bad: tuple[object, str], error: type) -> None:
    with pytest.raises(error):
        copy_rows(session, COPY, [encoded(1, "one"), encoded(*bad)])
    session.rollback()
    assert rows(session) == []
