"""Trigger functions: what must not change says no."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.sql.conftest import NOW, Sql

PRIVILEGE = "42501"  # insufficient_privilege
RESTRICT = "23001"  # restrict_violation


@pytest.mark.parametrize(
    ("function", "statement", "code"),
    [
        ("audit_is_append_only", "UPDATE audit_entries SET action = ''", PRIVILEGE),
        ("audit_is_append_only", "DELETE FROM audit_entries", PRIVILEGE),
        ("audit_is_append_only", "TRUNCATE audit_entries CASCADE", PRIVILEGE),
        ("audit_is_append_only", "DELETE FROM audit_heads", PRIVILEGE),
        ("audit_is_append_only", "UPDATE audit_persons SET salt = ''", PRIVILEGE),
        ("sign_in_log_is_append_only", "UPDATE sign_in_log SET outcome = 'signed_in'", PRIVILEGE),
        ("sign_in_log_is_append_only", "DELETE FROM sign_in_log", PRIVILEGE),
        ("sign_in_log_is_append_only", "TRUNCATE sign_in_log CASCADE", PRIVILEGE),
        ("usage_immutable", "TRUNCATE usage_events", "TK003"),
        ("reject_published_version_change", "TRUNCATE plan_versions CASCADE", RESTRICT),
        ("reject_published_part_change", "TRUNCATE plan_limits", RESTRICT),
    ],
)
def test_a_guard_answers_for_its_tables(sql: Sql, function: str, statement: str, code: str) -> None:
    assert function in str(sql.fails(code, statement).diag.context)


@pytest.mark.parametrize("statement", ["UPDATE usage_events SET quantity = 2", "DELETE FROM usage_events"])
def test_usage_immutable_guards_each_event(sql: Sql, statement: str) -> None:
    org, (meter, _) = sql.org(), sql.meter()
    sql.event(org, meter)
    sql.fails("TK003", f"{statement} WHERE org_id = %s", org)


def version(sql: Sql, *, published: bool) -> object:
    plan, made = uuid4(), uuid4()
    sql.insert(
        "plans", id=plan, key=f"p_{plan.hex[:12]}", name="", summary="", public=False, is_default=False, position=0
    )
    sql.insert("plan_versions", id=made, plan_id=plan, number=1, content_hash=b"0" * 32)
    sql.insert("plan_limits", plan_version_id=made, key="file_bytes", value=1)
    if published:
        sql.rows("UPDATE plan_versions SET published_at = %s WHERE id = %s", NOW, made)
    return made


CHANGES = {
    "reject_published_version_change": [
        "UPDATE plan_versions SET number = 2 WHERE id = %s",
    ],
    "reject_published_part_change": [
        "INSERT INTO plan_limits VALUES (%s, 'jobs_at_once', 1)",
        "UPDATE plan_limits SET value = 2 WHERE plan_version_id = %s",
        "DELETE FROM plan_limits WHERE plan_version_id = %s",
    ],
}


@pytest.mark.parametrize("statement", [each for listed in CHANGES.values() for each in listed])
def test_a_draft_changes_and_a_published_version_does_not(sql: Sql, statement: str) -> None:
    sql.rows(statement, version(sql, published=False))
    sql.fails(RESTRICT, statement, version(sql, published=True))


@pytest.mark.parametrize("change", ["key = 'other'", "aggregation = 'max'"])
def test_refuse_another_meaning_of_a_meter(sql: Sql, change: str) -> None:
    """The trigger calls `reject_meter_redefinition`."""
    meter, _ = sql.meter()
    sql.rows("UPDATE meters SET name = 'renamed' WHERE id = %s", meter)
    error = sql.fails(RESTRICT, f"UPDATE meters SET {change} WHERE id = %s", meter)
    assert "reject_meter_redefinition" in str(error.diag.context)
