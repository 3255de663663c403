"""The SQLite file: objects as JSON, schedule, webhook deliveries, answers by idempotency key."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

Obj = dict[str, Any]

TABLES = """
CREATE TABLE IF NOT EXISTS objects (id TEXT PRIMARY KEY, seq INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS due (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, name TEXT NOT NULL,
    args TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL,
    endpoint TEXT NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL, at REAL NOT NULL, note TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries (event);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (state, at);
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, print TEXT NOT NULL, status INTEGER NOT NULL,
    body TEXT NOT NULL, request TEXT NOT NULL, at REAL NOT NULL);
"""


class ObjectStore:
    """The file. Every call is made under the world's lock; `commit` or `rollback` ends a change set."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.db.executescript(TABLES)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")

    def begin(self) -> None:
        """Open a change set."""
        self.db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Commit the change set."""
        self.db.execute("COMMIT")

    def rollback(self) -> None:
        """Roll the change set back."""
        self.db.execute("ROLLBACK")

    def objects(self) -> Iterator[tuple[int, Obj]]:
        """Yield every object with its sequence number, oldest first."""
        for seq, body in self.db.execute("SELECT seq, body FROM objects ORDER BY seq"):
            yield seq, json.loads(body)

    def read(self, identifier: str) -> Obj | None:
        """Read one object from the file."""
        row = self.db.execute("SELECT body FROM objects WHERE id = ?", (identifier,)).fetchone()
        obj: Obj | None = json.loads(row[0]) if row else None
        return obj

    def write(self, seq: int, obj: Obj) -> None:
        """Insert or replace one object."""
        self.db.execute(
            "INSERT INTO objects VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (obj["id"], seq, obj["object"], json.dumps(obj)),
        )

    def delete(self, identifier: str) -> None:
        """Remove one object."""
        self.db.execute("DELETE FROM objects WHERE id = ?", (identifier,))

    def put_due(self, at: int, name: str, args: Obj) -> None:
        """Schedule work for a time (Unix seconds of the business clock)."""
        self.db.execute("INSERT INTO due (at, name, args) VALUES (?, ?, ?)", (at, name, json.dumps(args)))

    def next_due(self, now: int) -> tuple[int, int, str, Obj] | None:
        """The earliest work that is due: number, time, name and arguments."""
        row = self.db.execute(
            "SELECT seq, at, name, args FROM due WHERE at <= ? ORDER BY at, seq LIMIT 1", (now,)
        ).fetchone()
        return (row[0], row[1], row[2], json.loads(row[3])) if row else None

    def next_at(self) -> int | None:
        """The time of the earliest scheduled work, due or not."""
        at: int | None = self.db.execute("SELECT min(at) FROM due").fetchone()[0]
        return at

    def drop_due(self, seq: int) -> None:
        """Remove work from the schedule."""
        self.db.execute("DELETE FROM due WHERE seq = ?", (seq,))

    def put_delivery(self, event: str, endpoint: str) -> None:
        """Queue an event for a webhook endpoint."""
        self.db.execute(
            "INSERT INTO deliveries (event, endpoint, state, tries, at, note) VALUES (?, ?, 'waiting', 0, 0, '')",
            (event, endpoint),
        )

    def close(self) -> None:
        """Close the file."""
        self.db.close()
