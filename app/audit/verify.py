"""Verifies every chain from its first entry to its head, and reports the first one that was altered or removed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from app.audit.chain import entry_hash, genesis, personal_hash

# One statement, so that chains and heads come from one snapshot while others write.
_ROW = """
    SELECT coalesce(e.chain, h.chain) AS chain, e.id, e.seq, e.org_id, e.actor_kind, e.actor_id, e.acting_for, e.action,
           e.object_type, e.object_id, e.before, e.after, e.at, e.wall_at, e.request_id, e.personal_hash,
           e.prev_hash, e.hash, p.salt, p.data, h.seq AS head_seq, h.hash AS head_hash
"""
_WALK = text(f"""{_ROW}
      FROM audit_entries e
      FULL JOIN audit_heads h ON h.chain = e.chain
      LEFT JOIN audit_persons p ON p.entry_id = e.id
     ORDER BY coalesce(e.chain, h.chain), e.seq
""")  # nosec B608  # fixed words
# The same of one chain, which reads that chain's entries alone, by their index.
_WALK_ONE = text(f"""{_ROW}
      FROM (SELECT CAST(:chain AS text) AS name) one
      LEFT JOIN audit_heads h ON h.chain = one.name
      LEFT JOIN audit_entries e ON e.chain = one.name
      LEFT JOIN audit_persons p ON p.entry_id = e.id
     WHERE e.id IS NOT NULL OR h.chain IS NOT NULL
     ORDER BY e.seq
""")  # nosec B608  # fixed words
# The entry before the stretch, the stretch, and one entry more, which tells whether the chain goes on.
_STRETCH = text(
    """
    SELECT e.*, p.salt, p.data, h.seq AS head_seq, h.hash AS head_hash
      FROM (SELECT 1) once
      LEFT JOIN audit_heads h ON h.chain = :chain
      LEFT JOIN LATERAL (SELECT * FROM audit_entries WHERE chain = :chain AND seq >= :first - 1
                         ORDER BY seq LIMIT :limit) e ON true
      LEFT JOIN audit_persons p ON p.entry_id = e.id
     ORDER BY e.seq
    """
)
_PAGE = 1000
STRETCH = 5_000
"""How many entries a page verifies at a time."""


@dataclass(frozen=True, slots=True)
class ChainProblem:
    """The first bad entry of a chain and what is wrong with it. `entry_id` is None if the entry is missing."""

    chain: str
    seq: int
    entry_id: int | None
    what: str

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ChainReport:
    """How many chains and entries were checked, and the problems; `problems` is empty if every chain is intact."""

    chains: int
    entries: int
    problems: list[ChainProblem]


@dataclass(frozen=True, slots=True)
class ChainStretch:
    """The entries `first` to `last` of a chain whose newest is `head`; `whole` if none follow after `last`.

    With a problem, `last` is the last good entry.
    """

    first: int
    last: int
    head: int
    whole: bool
    problem: ChainProblem | None

    @property
    def entries(self) -> int:
        """How many were checked and found intact."""
        return max(0, self.last - self.first + 1)


def survey(session: Session, chain: str | None = None) -> ChainReport:
    """Verify every chain, or the one named (an org's id as text, or "installation"); count chains and entries.

    Streams in pages, so memory does not grow with the log. Of a chain that is named, no other is read.
    """
    statement, asked = (_WALK, {}) if chain is None else (_WALK_ONE, {"chain": chain})
    rows = session.execute(statement, asked, execution_options={"yield_per": _PAGE}).mappings()
    chains = entries = 0
    problems = []
    for name, chain_rows in groupby(rows, key=lambda row: str(row["chain"])):
        walk, problem = _Walk(name), None
        for row in chain_rows:
            entries += row["id"] is not None
            problem = problem or walk.step(row)
        problem = problem or walk.end()
        chains += 1
        problems += [problem] if problem else []
    return ChainReport(chains, entries, problems)


def verify_stretch(session: Session, chain: str, first: int = 1, *, most: int = STRETCH) -> ChainStretch:
    """Verify at most `most` entries of a chain from number `first` on, against the stored hash of the one before.

    Compares with the chain's head where the stretch reaches the end.
    """
    asked = {"chain": chain, "first": first, "limit": most + 1 + (first > 1)}
    rows = session.execute(_STRETCH, asked).mappings().all()
    before, head = first - 1, rows[0]["head_seq"] or 0
    if rows[0]["id"] is None and (before > head or head == 0):
        return ChainStretch(first, before, head, True, None)
    if before and rows[0]["seq"] == before:
        walk, given = _Walk(chain, before, bytes(rows[0]["hash"])), rows[1:]
    else:
        walk, given = _Walk(chain, max(0, before - 1)), rows
    problem = next((found for row in given[:most] if (found := walk.step(row))), None)
    walk.read_head(rows[0])
    whole = len(given) <= most
    if problem is None and whole:
        problem = walk.end()
    return ChainStretch(first, walk.seq, head, whole, problem)


class _Walk:
    """The state of one chain's verification: number and hash of the last good entry, and what the head records."""

    def __init__(self, chain: str, seq: int = 0, last_hash: bytes = b"") -> None:
        self.chain = chain
        self.seq = seq
        self.hash = last_hash or genesis(chain)
        self.head: tuple[int, bytes] | None = None

    def read_head(self, row: RowMapping) -> None:
        """Note what the head records."""
        self.head = None if row["head_seq"] is None else (row["head_seq"], bytes(row["head_hash"]))

    def step(self, row: RowMapping) -> ChainProblem | None:
        """Check the next entry and move to it; return the problem if there is one."""
        self.read_head(row)
        if row["id"] is None:
            return None
        if row["seq"] != self.seq + 1:
            return ChainProblem(self.chain, self.seq + 1, None, "missing")
        what = self._find_problem(row)
        if what:
            return ChainProblem(self.chain, row["seq"], row["id"], what)
        self.seq, self.hash = row["seq"], bytes(row["hash"])
        return None

    def end(self) -> ChainProblem | None:
        """Compare the last entry with the head."""
        if self.head == (self.seq, self.hash):
            return None
        if self.head is None:
            return ChainProblem(self.chain, self.seq, None, "the head of the chain is missing")
        if self.head[0] > self.seq:
            return ChainProblem(
                self.chain, self.seq + 1, None, f"missing: the chain ends early, its head is at {self.head[0]}"
            )
        return ChainProblem(
            self.chain, self.seq, None, f"the head of the chain is at {self.head[0]} and does not match"
        )

    def _find_problem(self, row: RowMapping) -> str | None:
        if bytes(row["hash"]) != entry_hash(dict(row)):
            return "changed after it was written"
        if bytes(row["prev_hash"]) != self.hash:
            return "does not follow the entry before it"
        if row["salt"] is not None and not _is_personal_intact(row):
            return "its personal part was changed"
        return None


def _is_personal_intact(row: RowMapping) -> bool:
    return row["personal_hash"] is not None and personal_hash(row["salt"], row["data"]) == bytes(row["personal_hash"])
