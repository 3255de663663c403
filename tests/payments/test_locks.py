"""One at a time for an org, and never with a transaction open."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from threading import Event
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.accounts.models import Org
from app.kit.errors import Busy
from app.payments.errors import LockLost
from app.payments.gateway import get_gateway
from app.payments.locks import ensure_no_transaction, org_lock, org_turn
from app.payments.mirrors.customers import resync_customer
from app.stripe_gateway.client import budget
from app.stripe_gateway.errors import StripeAway
from app.web.database import transaction
from tests.scenario import Scenario

pytestmark = pytest.mark.usefixtures("brief_lock_wait")


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_those_who_wait_for_one_org_take_no_turn_at_stripe_from_others(app: Flask, scenario: Scenario) -> None:
    """P22: as many clicks of one org as there are turns."""
    org_id, held, done = uuid4(), Event(), Event()

    def hold() -> None:
        with app.app_context(), org_turn(get_gateway(), org_id):
            held.set()
            done.wait(10)

    def click() -> None:
        with app.app_context(), org_turn(get_gateway(), org_id):
            pass

    with ThreadPoolExecutor(budget.CONCURRENT + 1) as pool:
        holding = pool.submit(hold)
        assert held.wait(5)
        clicks = [pool.submit(click) for _ in range(budget.CONCURRENT)]
        time.sleep(0.3)
        with org_turn(get_gateway(), uuid4()):
            pass  # nobody is told that Stripe is away
        done.set()
        holding.result()
        assert {type(click.exception()) for click in clicks} <= {type(None), Busy}


@pytest.mark.slow
def test_a_thread_of_the_process_stays_free_however_many_wait(app: Flask, scenario: Scenario) -> None:
    """Turns and waiting together leave one of four threads: further clicks are told at once to wait."""
    org_id, gw = uuid4(), get_gateway()
    with ThreadPoolExecutor(2) as pool, org_lock(org_id):

        def click() -> None:
            with app.app_context(), org_turn(gw, org_id):
                pass

        first = pool.submit(click)
        time.sleep(0.3)
        began = time.monotonic()
        assert isinstance(pool.submit(click).exception(), Busy)
        assert time.monotonic() - began < 0.5
        assert isinstance(first.exception(), Busy)


def test_waiting_for_the_lock_is_part_of_a_page_s_time(app: Flask, scenario: Scenario) -> None:
    gw = get_gateway()
    with ExitStack() as waiting:
        waiting.enter_context(gw.deadline(0.3))
        time.sleep(0.3)
        waiting.enter_context(org_turn(gw, uuid4()))
        with pytest.raises(StripeAway):
            gw.get(lambda v1: v1.customers.retrieve("cus_1"))


@pytest.mark.slow
def test_what_was_retrieved_is_not_written_once_the_lock_is_lost(scenario: Scenario) -> None:
    """P23: the connection that holds it dies while Stripe is asked."""
    org = scenario.org().buys()
    scenario.settle()
    asked = text(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        " AND classid::bigint << 32 | objid::bigint = hashtextextended(:org, 20261121)"
    )
    scenario.later(hours=1)
    scenario.stripe.client().v1.customers.update(org.customer_id, {"email": "new@example.com"})
    before = org.customer
    assert before is not None
    known = before.email, before.retrieved_at
    with org_lock(org.id):
        assert org.session.scalars(asked, {"org": str(org.id)}).all() == [True]
        org.session.rollback()
        with pytest.raises(LockLost):
            resync_customer(get_gateway(), org.id, org.now)
    after = org.customer
    assert after is not None
    assert (after.email, after.retrieved_at) == known


def test_an_answer_is_never_marked_older_than_the_one_before(scenario: Scenario) -> None:
    org = scenario.org().buys()
    scenario.later(hours=1)
    resync_customer(get_gateway(), org.id, org.now)
    resync_customer(get_gateway(), org.id, org.now - timedelta(minutes=5))
    assert org.customer is not None
    assert org.customer.retrieved_at == org.now
