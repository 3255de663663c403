"""Verifies every chain from its first entry to its head, and reports the first one that was altered or removed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from app.audit.chain import entry_hash, genesis, personal_hash

# One statement, so that chains and heads come from one snapshot while others write.
_WALK = text(
    """
    SELECT coalesce(e.chain, h.chain) AS chain, e.id, e.seq, e.org_id, e.actor_kind, e.actor_id, e.acting_for, e.action,
           e.object_type, e.object_id, e.before, e.after, e.at, e.wall_at, e.request_id, e.personal_hash,
           e.prev_hash, e.hash, p.salt, p.data, h.seq AS head_seq, h.hash AS head_hash
      FROM audit_entries e
      FULL JOIN audit_heads h ON h.chain = e.chain
      LEFT JOIN audit_persons p ON p.entry_id = e.id
     WHERE CAST(:chain AS text) IS NULL OR coalesce(e.chain, h.chain) = :chain
     ORDER BY coalesce(e.chain, h.chain), e.seq
    """
)
_PAGE = 1000


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


def survey(session: Session, chain: str | None = None) -> ChainReport:
    """Verify every chain, or the one named (an org's id as text, or "installation"); count chains and entries.

    Streams in pages, so memory does not grow with the log.
    """
    rows = session.execute(_WALK, {"chain": chain}, execution_options={"yield_per": _PAGE}).mappings()
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


class _Walk:
    """The state of one chain's verification: number and hash of the last good entry, and what the head records."""

    def __init__(self, chain: str) -> None:
        self.chain = chain
        self.seq = 0
        self.hash = genesis(chain)
        self.head: tuple[int, bytes] | None = None

    def step(self, row: RowMapping) -> ChainProblem | None:
        """Check the next entry and move to it; return the problem if there is one."""
        self.head = None if row["head_seq"] is None else (row["head_seq"], bytes(row["head_hash"]))
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
