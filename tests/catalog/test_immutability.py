"""The database itself refuses any change of a published version."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text

from tests.catalog.test_apply import SMALL

CHILDREN = ("plan_prices", "plan_charges", "plan_meters", "plan_limits", "plan_features")
ANY = {
    "plan_prices": "INSERT INTO plan_prices VALUES (%s, 'CHF', 'month', 1)",
    "plan_charges": "INSERT INTO plan_charges"
    " SELECT gen_random_uuid(), %s, 'x', id, 'CHF', 'flat', '{}', 'period' FROM meters",
    "plan_meters": "INSERT INTO plan_meters (plan_version_id, meter_id, policy) SELECT %s, id, 'block' FROM meters",
    "plan_limits": "INSERT INTO plan_limits VALUES (%s, 'file_bytes', 1)",
    "plan_features": "INSERT INTO plan_features VALUES (%s, 'x', 'X', 'true', 1)",
}


@pytest.fixture
def published(put, fresh, empty):
    """A connection as the owner of the tables, and the id of a published version."""
    put(SMALL)
    version = fresh.scalar(text("SELECT id FROM plan_versions ORDER BY number LIMIT 1"))
    fresh.rollback()
    with psycopg.connect(empty, autocommit=True) as connection:
        yield connection, version


def refused(connection, statement, *values):
    with pytest.raises(psycopg.errors.RestrictViolation, match="published"):
        connection.execute(statement, values)


@pytest.mark.parametrize("table", CHILDREN)
def test_nothing_is_added_to_changed_in_or_taken_from_a_published_version(published, table):
    connection, version = published
    refused(connection, ANY[table], version)
    column = connection.execute(f"SELECT * FROM {table} LIMIT 0").description[-1].name
    refused(connection, f"UPDATE {table} SET {column} = {column}")
    refused(connection, f"DELETE FROM {table}")
    refused(connection, f"TRUNCATE {table}")


def test_a_published_version_is_neither_renumbered_nor_withdrawn_nor_deleted(published):
    connection, version = published
    refused(connection, "UPDATE plan_versions SET number = 7 WHERE id = %s", version)
    refused(connection, "UPDATE plan_versions SET published_at = NULL WHERE id = %s", version)
    refused(connection, "DELETE FROM plan_versions WHERE id = %s", version)
    refused(connection, "TRUNCATE plan_versions CASCADE")


def test_a_row_of_a_draft_cannot_be_moved_into_a_published_version(published):
    connection, version = published
    draft = uuid4()
    connection.execute(
        "INSERT INTO plan_versions SELECT %s, plan_id, 9, NULL, content_hash FROM plan_versions WHERE id = %s",
        (draft, version),
    )
    connection.execute(ANY["plan_prices"], (draft,))
    refused(connection, "UPDATE plan_prices SET plan_version_id = %s WHERE plan_version_id = %s", version, draft)
    connection.execute("DELETE FROM plan_prices WHERE plan_version_id = %s", (draft,))
    connection.execute("DELETE FROM plan_versions WHERE id = %s", (draft,))


def test_a_row_that_comes_while_its_version_is_being_published_waits_and_is_refused(published, empty):
    connection, version = published
    draft = uuid4()
    connection.execute(
        "INSERT INTO plan_versions SELECT %s, plan_id, 9, NULL, content_hash FROM plan_versions WHERE id = %s",
        (draft, version),
    )
    with psycopg.connect(empty) as publishing, psycopg.connect(empty, autocommit=True) as late:
        publishing.execute("UPDATE plan_versions SET published_at = now() WHERE id = %s", (draft,))
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(late.execute, ANY["plan_prices"], (draft,))
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s"
            while connection.execute(waits, (late.info.backend_pid,)).fetchone() == (0,):
                assert not coming.done()
            publishing.commit()
            with pytest.raises(psycopg.errors.RestrictViolation, match="published"):
                coming.result(10)


def test_a_second_default_plan_is_refused(published):
    connection, _ = published
    with pytest.raises(psycopg.errors.UniqueViolation, match="uq_plans_is_default"):
        connection.execute("UPDATE plans SET is_default = true")


def test_a_meter_is_never_given_another_meaning(published):
    connection, _ = published
    with pytest.raises(psycopg.errors.RestrictViolation, match="cannot change"):
        connection.execute("UPDATE meters SET aggregation = 'max'")
    connection.execute("UPDATE meters SET name = 'Other'")
