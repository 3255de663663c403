"""A chain is searched in pages and verified in stretches, each of bounded work."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.audit.queries import EntryFilter, search_entries
from app.audit.service import write
from app.audit.verify import verify_stretch
from app.kit.actor import SYSTEM
from tests.factories import allow_any_change

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def chain(session, actor, org):
    """Seven entries of one org: the first and the last are the system's."""
    for n in range(1, 8):
        who = SYSTEM if n in {1, 7} else actor
        action = "member.left" if n % 2 else "member.role_changed"
        write(session, who, action, on=("user", f"u{n}"), org_id=org, after={"n": n}, now=NOW)
    return str(org)


def tamper(session, sql, **values):
    """Change rows as a superuser could, with the triggers out of the way."""
    allow_any_change(session)
    session.execute(text(sql), values)


def seqs(session, org, filters=None, **page):
    found = search_entries(session, org, filters or EntryFilter(), **{"limit": 50, **page})
    return [entry.act.seq for entry in found.entries], found.below


def test_pages_follow_one_another_to_the_first_entry(session, chain, org):
    assert seqs(session, org, limit=3) == ([7, 6, 5], 5)
    assert seqs(session, org, limit=3, below=5) == ([4, 3, 2], 2)
    assert seqs(session, org, limit=3, below=2) == ([1], None)
    assert seqs(session, org, limit=7) == ([7, 6, 5, 4, 3, 2, 1], None)
    assert seqs(session, uuid4()) == ([], None)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (EntryFilter(action="member.left"), [7, 5, 3, 1]),
        (EntryFilter(action="member."), [7, 6, 5, 4, 3, 2, 1]),
        (EntryFilter(action="member.r"), [6, 4, 2]),
        (EntryFilter(action="%"), []),
        (EntryFilter(actor_kind="system"), [7, 1]),
        (EntryFilter(object="u4"), [4]),
        (EntryFilter(object="user:u4"), [4]),
        (EntryFilter(object="user"), [7, 6, 5, 4, 3, 2, 1]),
        (EntryFilter(object="key:u4"), []),
        (EntryFilter(action="member.left", actor_kind="user", object="u3"), [3]),
    ],
)
def test_entries_are_filtered(session, chain, org, filters, expected):
    assert seqs(session, org, filters) == (expected, None)


def test_entries_are_found_by_their_actor(session, chain, org, actor):
    assert seqs(session, org, EntryFilter(actor_id=actor.id)) == ([6, 5, 4, 3, 2], None)
    assert seqs(session, org, EntryFilter(actor_id=uuid4())) == ([], None)


def test_a_page_looks_through_a_bounded_part_and_says_where_it_stopped(session, chain, org):
    rare = EntryFilter(object="u1")
    assert seqs(session, org, rare, window=3) == ([], 5)
    assert seqs(session, org, rare, window=3, below=5) == ([], 2)
    assert seqs(session, org, rare, window=3, below=2) == ([1], None)
    assert seqs(session, org, EntryFilter(action="member.left"), window=3, limit=2) == ([7, 5], 5)


def test_a_chain_is_verified_in_stretches(session, chain):
    first = verify_stretch(session, chain, most=3)
    assert (first.first, first.last, first.head, first.whole, first.problem) == (1, 3, 7, False, None)
    second = verify_stretch(session, chain, first.last + 1, most=3)
    assert (second.first, second.last, second.whole) == (4, 6, False)
    third = verify_stretch(session, chain, second.last + 1, most=3)
    assert (third.first, third.last, third.entries, third.whole, third.problem) == (7, 7, 1, True, None)


@pytest.mark.parametrize("most", [7, 8])
def test_a_stretch_to_the_last_entry_is_whole(session, chain, most):
    found = verify_stretch(session, chain, most=most)
    assert (found.entries, found.last, found.head, found.whole, found.problem) == (7, 7, 7, True, None)


def test_a_chain_without_entries_is_whole(session):
    found = verify_stretch(session, str(uuid4()))
    assert (found.entries, found.head, found.whole, found.problem) == (0, 0, True, None)


def test_a_stretch_beyond_the_end_holds_nothing(session, chain):
    found = verify_stretch(session, chain, 9)
    assert (found.entries, found.head, found.whole, found.problem) == (0, 7, True, None)


@pytest.mark.parametrize("first", [1, 3, 4])
def test_the_first_bad_entry_of_a_stretch_is_named(session, chain, first):
    tamper(session, "UPDATE audit_entries SET action = 'x' WHERE chain = :c AND seq >= 4", c=chain)
    problem = verify_stretch(session, chain, first).problem
    assert (problem.seq, problem.what) == (4, "changed after it was written")


def test_a_stretch_follows_the_entry_before_it(session, chain):
    tamper(session, "UPDATE audit_entries SET hash = sha256('x') WHERE chain = :c AND seq = 3", c=chain)
    problem = verify_stretch(session, chain, 4).problem
    assert (problem.seq, problem.what) == (4, "does not follow the entry before it")


@pytest.mark.parametrize(("gone", "first", "named"), [(3, 4, 3), (4, 4, 4), (1, 1, 1), (5, 3, 5)])
def test_a_missing_entry_is_named(session, chain, gone, first, named):
    tamper(session, "DELETE FROM audit_entries WHERE chain = :c AND seq = :seq", c=chain, seq=gone)
    problem = verify_stretch(session, chain, first).problem
    assert (problem.seq, problem.entry_id, problem.what) == (named, None, "missing")


@pytest.mark.parametrize("first", [1, 7])
def test_an_end_that_was_cut_off_is_named(session, chain, first):
    tamper(session, "DELETE FROM audit_entries WHERE chain = :c AND seq = 7", c=chain)
    found = verify_stretch(session, chain, first)
    assert found.problem.what == "missing: the chain ends early, its head is at 7"
    assert found.problem.seq == 7


def test_a_head_that_does_not_match_is_named(session, chain):
    tamper(session, "UPDATE audit_heads SET seq = 5 WHERE chain = :c", c=chain)
    assert verify_stretch(session, chain).problem.what == "the head of the chain is at 5 and does not match"
    tamper(session, "DELETE FROM audit_heads WHERE chain = :c", c=chain)
    assert verify_stretch(session, chain, 3).problem.what == "the head of the chain is missing"
