"""Walking every chain from its first entry to its head; names the first entry that is not as it was written."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from app.audit.chain import entry_hash, genesis, personal_hash

# One statement, so that chains and heads are seen at one instant while others write.
_WALK = text(
    """
    SELECT coalesce(e.chain, h.chain) AS chain, e.id, e.seq, e.org_id, e.actor_kind, e.actor_id, e.acting_for, e.action,
           e.object_type, e.object_id, e.before, e.after, e.at, e.request_id, e.personal_hash, e.prev_hash, e.hash,
           p.salt, p.data, h.seq AS head_seq, h.hash AS head_hash
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
    """The first bad entry of a chain: where, and what is wrong. `entry_id` is None where the entry is gone."""

    chain: str
    seq: int
    entry_id: int | None
    what: str

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What was walked and what was found; `problems` is empty when every chain holds."""

    chains: int
    entries: int
    problems: list[ChainProblem]


def verify(session: Session, chain: str | None = None) -> list[ChainProblem]:
    """The first problem of each chain, or of the one named (an org's id as text, or "installation")."""
    return survey(session, chain).problems


def survey(session: Session, chain: str | None = None) -> ChainReport:
    """Verify with counts of chains and entries. Reads in pages: the size of the log does not matter."""
    rows = session.execute(_WALK, {"chain": chain}, execution_options={"yield_per": _PAGE}).mappings()
    chains = entries = 0
    problems = []
    for name, links in groupby(rows, key=lambda row: str(row["chain"])):
        walk, problem = _Walk(name), None
        for row in links:
            entries += row["id"] is not None
            problem = problem or walk.step(row)
        problem = problem or walk.end()
        chains += 1
        problems += [problem] if problem else []
    return ChainReport(chains, entries, problems)


class _Walk:
    """Where the walk along one chain stands: the last good entry's number and hash, and what the head says."""

    def __init__(self, chain: str) -> None:
        self.chain = chain
        self.seq = 0
        self.hash = genesis(chain)
        self.head: tuple[int, bytes] | None = None

    def step(self, row: RowMapping) -> ChainProblem | None:
        """Step onto the next entry, or say what is wrong with it."""
        self.head = None if row["head_seq"] is None else (row["head_seq"], bytes(row["head_hash"]))
        if row["id"] is None:
            return None
        if row["seq"] != self.seq + 1:
            return ChainProblem(self.chain, self.seq + 1, None, "missing")
        what = self._wrong(row)
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
                self.chain, self.seq + 1, None, f"missing: the chain ends early, its head is {self.head[0]}"
            )
        return ChainProblem(self.chain, self.seq, None, f"the head of the chain is {self.head[0]} and does not match")

    def _wrong(self, row: RowMapping) -> str | None:
        if bytes(row["hash"]) != entry_hash(dict(row)):
            return "changed after it was written"
        if bytes(row["prev_hash"]) != self.hash:
            return "does not follow the entry before it"
        if row["salt"] is not None and not _personal_holds(row):
            return "its personal part was changed"
        return None


def _personal_holds(row: RowMapping) -> bool:
    return row["personal_hash"] is not None and personal_hash(row["salt"], row["data"]) == bytes(row["personal_hash"])
