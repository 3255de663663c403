"""One at a time for an org, and never with a transaction open."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models import Org
from app.payments.errors import Busy
from app.payments.locks import ensure_no_transaction, org_lock
from app.web.database import transaction

pytestmark = pytest.mark.usefixtures("brief_lock_wait")


def test_a_second_holder_waits_as_long_as_a_page_does_and_is_told(app: Flask, session: Session) -> None:
    org_id, held, done = uuid4(), Event(), Event()

    def hold() -> None:
        with app.app_context(), org_lock(org_id):
            held.set()
            done.wait(10)

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        assert held.wait(5)
        with pytest.raises(Busy), org_lock(org_id):
            pass
        with org_lock(uuid4()):
            pass  # another org's is free
        done.set()
        holding.result()
        with org_lock(org_id):
            pass


def test_it_is_taken_again_by_who_holds_it_and_ends_with_the_outer_one(app: Flask, session: Session) -> None:
    org_id = uuid4()

    def try_it() -> None:
        with app.app_context(), org_lock(org_id):
            pass

    with ThreadPoolExecutor(1) as pool:
        with org_lock(org_id):
            with org_lock(org_id):
                pass
            with pytest.raises(Busy):
                pool.submit(try_it).result()
        pool.submit(try_it).result()


def test_it_is_let_go_when_the_work_fails(session: Session) -> None:
    org_id = uuid4()
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"), org_lock(org_id):
            raise ValueError("broken")


def test_it_refuses_a_door_s_transaction_and_unsaved_rows(session: Session) -> None:
    with pytest.raises(RuntimeError, match="transaction"), transaction(), org_lock(uuid4()):
        pass
    session.add(Org(id=uuid4(), name="unsaved"))
    with pytest.raises(RuntimeError, match="transaction"), org_lock(uuid4()):
        pass
    session.rollback()


def test_reads_end_before_stripe_is_asked(session: Session) -> None:
    session.scalars(select(Org).limit(1)).all()
    with pytest.raises(RuntimeError):
        ensure_no_transaction()
    with org_lock(uuid4()):
        ensure_no_transaction()
