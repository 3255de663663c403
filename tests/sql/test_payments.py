"""The receipt of a webhook."""

from __future__ import annotations

import pytest

from tests.sql.conftest import NOW, Sql


@pytest.mark.parametrize(
    ("customer", "object_id", "lock"),
    [("cus_1", "in_1", "stripe:cus_1"), (None, "in_1", "stripe:in_1"), (None, None, "stripe:evt_sql")],
)
def test_stripe_receive_stores_an_event_and_its_task_once(
    sql: Sql, customer: str | None, object_id: str | None, lock: str
) -> None:
    call = (
        "SELECT stripe_receive('evt_sql', 'invoice.paid', NULL, false, NULL, 'invoice', %s, %s, 'webhook', '{}', %s,"
        " %s)"
    )
    assert [sql.value(call, object_id, customer, NOW, NOW) for _ in range(2)] == [True, False]
    assert sql.rows("SELECT lock, args FROM procrastinate_jobs WHERE args->>'event_id' = 'evt_sql'") == [
        (lock, {"event_id": "evt_sql"})
    ]
