"""Audit knows no Flask: its tests take a plain session on the migrated database."""

from uuid import uuid4

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from app.kit.actor import Actor
from tests.support.roles import as_app


@pytest.fixture(scope="session")
def sessions(database):
    engine = create_engine(as_app(database).replace("postgresql://", "postgresql+psycopg://", 1), pool_size=10)
    yield sessionmaker(engine)
    engine.dispose()


@pytest.fixture
def session(sessions):
    with sessions() as session:
        yield session
        session.rollback()


@pytest.fixture
def org():
    return uuid4()


@pytest.fixture
def actor():
    return Actor("user", uuid4(), request_id="req-1", address="198.51.100.7")
