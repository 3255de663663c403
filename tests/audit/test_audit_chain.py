import json
import re
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Thread
from uuid import uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.audit import verify
from app.audit.chain import as_json, entry_hash, genesis
from app.audit.cli import group
from app.audit.queries import list_entries
from app.audit.service import erase_person, write
from app.audit.verify import survey
from app.kit.actor import SYSTEM, Actor
from app.kit.db import transaction
from tests.factories import allow_any_change
from tests.support.roles import BY_HAND

NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def chain(session, actor, org):
    """Six committed entries of one org."""
    for n in range(6):
        after = {"role": f"r{n}", "allowance": Decimal("1E+3")}
        write(
            session, actor, "member.role_changed", on=("user", uuid4()), org_id=org, before={"role": None}, after=after,
            personal={"email": f"u{n}@example.com"}, now=NOW + timedelta(seconds=n),
        )  # fmt: skip
    session.commit()
    return str(org)


def tamper(session, sql, **values):
    """Change rows as a superuser could, with the triggers out of the way."""
    allow_any_change(session)
    session.execute(text(sql), values)


def list_problems(session, chain):
    return survey(session, chain).problems


def test_an_entry_keeps_who_what_when_and_where_from(session, org):
    staff = Actor("staff", uuid4(), acting_for=org, request_id="req-9", address="203.0.113.1")
    entry_id = write(session, staff, "plan.assigned", on=("subscription", 7), org_id=org, before={"plan": "free"},
                     after={"plan": "pro"}, personal={"name": "Ada"}, now=NOW)  # fmt: skip
    (entry,) = list_entries(session, org)
    act = entry.act
    assert (act.id, act.seq, act.chain, act.org_id) == (entry_id, 1, str(org), org)
    assert (act.actor_kind, act.actor_id, act.acting_for, act.request_id) == ("staff", staff.id, org, "req-9")
    assert (act.action, act.object_type, act.object_id, act.at) == ("plan.assigned", "subscription", "7", NOW)
    assert (act.before, act.after) == ({"plan": "free"}, {"plan": "pro"})
    assert entry.personal == {"address": "203.0.113.1", "name": "Ada"}


def test_every_org_has_its_own_chain_and_the_installation_another(session, actor):
    one, other = uuid4(), uuid4()
    for org_id in (one, other, one):
        write(session, actor, "key.created", on=("key", 1), org_id=org_id, now=NOW)
    write(session, SYSTEM, "catalog.applied", on=("catalog", "x"), now=NOW)
    assert [entry.act.seq for entry in list_entries(session, one)] == [2, 1]
    assert [entry.act.seq for entry in list_entries(session, other)] == [1]
    assert list_entries(session, None, limit=1)[0].act.chain == "installation"
    assert list_entries(session, one)[1].act.prev_hash == genesis(str(one)) != genesis(str(other))


def test_an_entry_of_the_system_has_no_personal_part(session, org):
    write(session, SYSTEM, "period.opened", on=("period", 1), org_id=org, now=NOW)
    (entry,) = list_entries(session, org)
    assert entry.personal == {}
    assert entry.act.personal_hash is None
    assert list_problems(session, str(org)) == []


def test_a_page_goes_on_below_its_last_entry_and_filters(session, chain, org, actor):
    newest = list_entries(session, org, limit=4)
    rest = list_entries(session, org, limit=4, below=newest[-1].act.seq)
    assert [entry.act.seq for entry in newest + rest] == [6, 5, 4, 3, 2, 1]
    found = newest[0].act
    assert [e.act.seq for e in list_entries(session, org, on=("user", found.object_id))] == [6]
    assert len(list_entries(session, org, actor_id=actor.id, action="member.role_changed")) == 6
    assert list_entries(session, org, action="member.left") == list_entries(session, org, actor_id=uuid4()) == []


def test_an_untouched_chain_verifies(session, chain):
    report = survey(session, chain)
    assert (report.chains, report.entries, report.problems) == (1, 6, [])


@pytest.mark.parametrize(
    "change",
    [
        "after = '{\"role\": \"owner\"}'", "before = NULL", "at = at + interval '1 microsecond'",
        "actor_id = gen_random_uuid()",
        "action = 'nothing'", "object_id = 'x'", "request_id = NULL", "actor_kind = 'system'", "acting_for = org_id",
        "object_type = 'org'", "personal_hash = NULL", "hash = sha256('x')", "prev_hash = sha256('x')",
    ],
)  # fmt: skip
def test_an_edited_entry_is_named(session, chain, change):
    tamper(session, f"UPDATE audit_entries SET {change} WHERE chain = :chain AND seq = 3", chain=chain)
    (problem,) = list_problems(session, chain)
    assert (problem.chain, problem.seq) == (chain, 3)
    assert problem.what == "changed after it was written"
    assert problem.entry_id


def test_an_edit_with_its_own_hash_mended_is_named_at_the_entry_after_it(session, chain, org):
    tamper(session, "UPDATE audit_entries SET action = 'x' WHERE chain = :chain AND seq = 3", chain=chain)
    forged = (
        session.execute(text("SELECT * FROM audit_entries WHERE chain = :c AND seq = 3"), {"c": chain}).mappings().one()
    )
    tamper(session, "UPDATE audit_entries SET hash = :h WHERE id = :id", h=entry_hash(dict(forged)), id=forged["id"])
    (problem,) = list_problems(session, chain)
    assert (problem.seq, problem.what) == (4, "does not follow the entry before it")


def test_of_a_chain_that_is_named_no_other_is_read(session, chain):
    session.execute(text("SET LOCAL enable_seqscan = off"))
    plan = "\n".join(session.execute(text(f"EXPLAIN {verify._WALK_ONE}"), {"chain": chain}).scalars())
    assert re.search(r"Index Cond: \(chain = ", plan.partition(" on audit_entries")[2]), plan
    assert "uq_audit_entries_chain" in plan, plan


@pytest.mark.parametrize("seq", [1, 4])
def test_a_deleted_entry_is_named(session, chain, seq):
    tamper(session, "DELETE FROM audit_entries WHERE chain = :chain AND seq = :seq", chain=chain, seq=seq)
    (problem,) = list_problems(session, chain)
    assert (problem.seq, problem.entry_id, problem.what) == (seq, None, "missing")


def test_an_entry_inserted_in_the_middle_is_named(session, chain):
    tamper(session, "UPDATE audit_entries SET seq = seq + 100 WHERE chain = :chain AND seq > 3", chain=chain)
    tamper(session, "UPDATE audit_entries SET seq = seq - 99 WHERE chain = :chain AND seq > 100", chain=chain)
    tamper(
        session,
        "INSERT INTO audit_entries"
        " (chain, seq, org_id, actor_kind, action, object_type, object_id, at, wall_at, prev_hash, hash)"
        " SELECT chain, 4, org_id, 'system', 'org.paid', 'org', 'x', at, at, hash, sha256('x')"
        " FROM audit_entries WHERE chain = :chain AND seq = 3",
        chain=chain,
    )
    (problem,) = list_problems(session, chain)
    assert (problem.seq, problem.what) == (4, "changed after it was written")


def test_swapped_entries_are_named_at_the_first(session, chain):
    for old, new in ((2, 100), (5, 2), (100, 5)):
        tamper(
            session, "UPDATE audit_entries SET seq = :new WHERE chain = :c AND seq = :old", c=chain, old=old, new=new
        )
    (problem,) = list_problems(session, chain)
    assert (problem.seq, problem.what) == (2, "changed after it was written")


def test_a_truncated_tail_is_named_by_the_head(session, chain):
    tamper(session, "DELETE FROM audit_entries WHERE chain = :chain AND seq > 4", chain=chain)
    (problem,) = list_problems(session, chain)
    assert (problem.seq, problem.what) == (5, "missing: the chain ends early, its head is at 6")


def test_a_chain_deleted_whole_is_named_by_the_head(session, chain):
    tamper(session, "DELETE FROM audit_entries WHERE chain = :chain", chain=chain)
    (problem,) = list_problems(session, chain)
    assert (problem.seq, problem.what) == (1, "missing: the chain ends early, its head is at 6")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DELETE FROM audit_heads WHERE chain = :chain", "head of the chain is missing"),
        ("UPDATE audit_heads SET seq = 5 WHERE chain = :chain", "head of the chain is at 5"),
        ("UPDATE audit_heads SET hash = sha256('x') WHERE chain = :chain", "does not match"),
    ],
)
def test_a_head_that_is_not_the_last_entry_is_named(session, chain, change, words):
    tamper(session, change, chain=chain)
    (problem,) = list_problems(session, chain)
    assert problem.seq == 6
    assert words in problem.what


def test_an_entry_moved_to_another_chain_is_named_in_both(session, chain, actor):
    other = uuid4()
    write(session, actor, "key.created", on=("key", 1), org_id=other, now=NOW)
    tamper(
        session,
        "UPDATE audit_entries SET chain = CAST(:other AS uuid)::text, org_id = :other, seq = 2"
        " WHERE chain = :c AND seq = 6",
        other=other, c=chain,
    )  # fmt: skip
    assert [problem.seq for problem in list_problems(session, chain)] == [6]
    assert [problem.seq for problem in list_problems(session, str(other))] == [2]


@pytest.mark.parametrize("change", ['data = \'{"email": "x"}\'', "salt = '\\x00'"])
def test_a_changed_personal_part_is_named(session, chain, change):
    where = "entry_id = (SELECT id FROM audit_entries WHERE chain = :chain AND seq = 2)"
    tamper(session, f"UPDATE audit_persons SET {change} WHERE {where}", chain=chain)
    (problem,) = list_problems(session, chain)
    assert (problem.seq, problem.what) == (2, "its personal part was changed")


def test_a_personal_part_hung_on_an_entry_that_had_none_is_named(session, org):
    entry_id = write(session, SYSTEM, "period.opened", on=("period", 1), org_id=org, now=NOW)
    tamper(session, "INSERT INTO audit_persons VALUES (:id, '\\x00', '{}')", id=entry_id)
    assert [problem.seq for problem in list_problems(session, str(org))] == [1]


def test_an_erased_person_is_gone_and_the_chain_still_verifies(session, chain, org, actor):
    write(session, SYSTEM, "user.renamed", on=("user", actor.id), org_id=org, personal={"name": "Ada"}, now=NOW)
    write(session, Actor("user", uuid4(), address="192.0.2.1"), "key.created", on=("key", 1), org_id=org, now=NOW)
    assert erase_person(session, actor.id) == 7
    assert erase_person(session, actor.id) == 0
    assert [entry.personal for entry in list_entries(session, org)] == [{"address": "192.0.2.1"}, *[{}] * 7]
    assert list_problems(session, chain) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET action = 'x'", "DELETE FROM audit_entries", "TRUNCATE audit_entries CASCADE",
        "DELETE FROM audit_heads", "TRUNCATE audit_heads",
        "UPDATE audit_persons SET data = '{}'", "TRUNCATE audit_persons",
    ],
)  # fmt: skip
def test_the_database_refuses_to_change_what_is_written(session, chain, statement):
    session.execute(BY_HAND)
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text(statement))


def test_an_entry_leaves_no_trace_when_its_act_is_rolled_back(session, chain, org, actor):
    write(session, actor, "member.left", on=("user", 1), org_id=org, now=NOW)
    session.rollback()
    assert list_entries(session, org)[0].act.seq == 6
    assert list_problems(session, chain) == []


def test_writers_at_once_leave_no_gap_and_no_fork(sessions, org, actor):
    def act(n):
        for m in range(10):
            with sessions() as mine, transaction(mine):
                write(mine, actor, "key.created", on=("key", f"{n}.{m}"), org_id=org, now=NOW)

    threads = [Thread(target=act, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sessions() as session:
        assert [entry.act.seq for entry in list_entries(session, org, limit=200)] == list(range(80, 0, -1))
        assert list_problems(session, str(org)) == []


def test_values_come_back_as_they_were_hashed(session, org, actor):
    value = {
        "id": uuid4(), "amount": Decimal("0.50"), "at": NOW, "day": NOW.date(), "list": (1, None, True),
        "text": "ünï\u2028", "big": 10**30, "bytes": b"\x01", "deep": {"z": {"b": 1, "a": []}},
    }  # fmt: skip
    write(session, actor, "org.changed", on=("org", org), org_id=org, after=value, now=NOW.astimezone())
    assert list_entries(session, org)[0].act.after == as_json(value)
    assert list_problems(session, str(org)) == []


def test_a_float_is_no_fact(session, org, actor):
    with pytest.raises(TypeError, match="float"):
        write(session, actor, "org.changed", on=("org", org), org_id=org, after={"x": 0.1}, now=NOW)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_command_exits_0_on_a_whole_chain(session, chain, options):
    done = CliRunner().invoke(group, ["verify", "--chain", chain, *options], obj=lambda: nullcontext(session))
    assert done.exit_code == 0, done.output
    if options:
        assert json.loads(done.stdout) == {"chains": 1, "entries": 6, "problems": []}


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_command_exits_1_and_names_the_first_bad_entry(session, chain, options):
    tamper(session, "UPDATE audit_entries SET action = 'x' WHERE chain = :chain AND seq IN (3, 5)", chain=chain)
    done = CliRunner().invoke(group, ["verify", "--chain", chain, *options], obj=lambda: nullcontext(session))
    assert done.exit_code == 1
    if options:
        (problem,) = json.loads(done.stdout)["problems"]
        assert (problem["chain"], problem["seq"]) == (chain, 3)
    else:
        assert f"chain {chain}, entry 3: changed" in done.stdout
