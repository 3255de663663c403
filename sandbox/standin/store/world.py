"""All state of the stand-in under one lock: objects, clock, events, schedule.

Objects are live dicts in the API's own shape. Keys that begin with `_` are ours and never leave the process. A change
set (`with world.change():`) is kept whole or not at all; an object that was changed must be handed to `save`.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sandbox.standin.errors import StripeError, not_found
from sandbox.standin.store import events, ids
from sandbox.standin.store.clock import BusinessClock
from sandbox.standin.store.events import Cause
from sandbox.standin.store.faults import Faults
from sandbox.standin.store.schedule import SCHEDULED
from sandbox.standin.store.sqlite import Obj, ObjectStore


class World:
    """`base` is the address of this server's own pages."""

    def __init__(self, store: ObjectStore, clock: BusinessClock, base: str) -> None:
        self.lock = threading.RLock()
        self.store, self.clock, self.base = store, clock, base
        self.faults = Faults()
        self.cause = Cause()
        self.watchers: list[Callable[[Obj], None]] = []  # each is shown every event, as it is emitted
        self._objects: dict[str, Obj] = {}
        self._kinds: dict[str, dict[str, None]] = {}
        self._seq: dict[str, int] = {}
        self._last = 0
        self._open = False
        self._pinned: int | None = None
        self._touched: set[str] = set()
        self._dirty: set[str] = set()
        for seq, obj in store.objects():
            self._place(obj, seq)

    # The clock

    def now(self) -> int:
        """Unix seconds; while due work runs, the instant at which it was due."""
        return int(self.clock.now()) if self._pinned is None else self._pinned

    def schedule(self, at: int, name: str, **args: Any) -> None:
        """Have the work `name` done when the clock reaches `at`; it finds out itself whether there is still a need."""
        if name not in SCHEDULED:
            raise LookupError(f"no work is called {name}")
        self.store.put_due(at, name, args)

    def run_due(self) -> int:
        """Do everything that is due, in the order of time, each in a change set of its own; returns how many."""
        done = 0
        with self.lock:
            while (found := self.store.next_due(int(self.clock.now()))) is not None:
                self._do(*found)
                done += 1
        return done

    def _do(self, seq: int, at: int, name: str, args: Obj) -> None:
        """One piece of work; one that fails is not tried again, or nothing after it would ever be done."""
        self._pinned = at
        try:
            with self.change():
                self.store.drop_due(seq)
                SCHEDULED[name](self, **args)
        except Exception:
            self.store.drop_due(seq)
            raise
        finally:
            self._pinned = None

    # Change sets

    @contextmanager
    def change(self, cause: Cause | None = None) -> Iterator[None]:
        """One change set; within another it is a part of that one."""
        with self.lock:
            if self._open:
                yield
                return
            self.store.begin()
            self._open, self.cause = True, cause or Cause()
            try:
                yield
                self._commit()
            except StripeError as error:
                if error.keep:
                    self._commit()
                else:
                    self._undo()
                raise
            except BaseException:
                self._undo()
                raise
            finally:
                self._open, self.cause = False, Cause()
                self._touched.clear()
                self._dirty.clear()

    def _commit(self) -> None:
        for identifier in self._dirty:
            if identifier in self._objects:
                self.store.write(self._seq[identifier], self._objects[identifier])
            else:
                self.store.delete(identifier)
        self.store.commit()

    def _undo(self) -> None:
        self.store.rollback()
        for identifier in self._touched:
            kept = self.store.read(identifier)
            if kept is None:
                self._forget(identifier)
            elif identifier in self._objects:
                obj = self._objects[identifier]
                obj.clear()
                obj.update(kept)
            else:
                self._place(kept, self._seq[identifier])

    # Objects

    def new_id(self, prefix: str) -> str:
        """A fresh id: `cus_…`, `in_…`."""
        return ids.new(prefix)

    def add(self, obj: Obj) -> Obj:
        """Take a new object (with `id` and `object`) into the world; returns it."""
        with self.lock:
            if obj["id"] in self._objects:
                raise LookupError(f"{obj['id']} is taken")
            self._place(obj, self._last + 1)
            return self.save(obj)

    def save(self, obj: Obj) -> Obj:
        """Note that the object was changed; returns it."""
        if not self._open:
            raise RuntimeError("save outside a change set")
        self._touched.add(obj["id"])
        self._dirty.add(obj["id"])
        return obj

    def remove(self, obj: Obj) -> None:
        """Take the object out of the world; it is not found any more."""
        self.save(obj)
        self._forget(obj["id"])

    def find(self, identifier: str) -> Obj | None:
        """The object of that id, of whatever kind."""
        with self.lock:
            self._touched.add(identifier)
            return self._objects.get(identifier)

    def get(self, kind: str, identifier: str, param: str | None = None) -> Obj:
        """The object; raises 404 `resource_missing`, or 400 where the id was the value of the parameter `param`.

        A deleted customer, product or coupon is found, with `deleted` true.
        """
        found = self.find(identifier)
        if found is None or found["object"] != kind:
            raise not_found(kind, identifier, param, 400) if param else not_found(kind, identifier)
        return found

    def all(self, kind: str, **match: Any) -> list[Obj]:
        """Objects of a kind that have these values, newest first, without the deleted."""
        with self.lock:
            found = [self._objects[identifier] for identifier in reversed(self._kinds.get(kind, {}))]
            chosen = [
                obj
                for obj in found
                if not obj.get("deleted") and all(obj.get(name) == value for name, value in match.items())
            ]
            self._touched.update(obj["id"] for obj in chosen)
            return chosen

    def _place(self, obj: Obj, seq: int) -> None:
        self._objects[obj["id"]] = obj
        self._kinds.setdefault(obj["object"], {})[obj["id"]] = None
        self._seq[obj["id"]] = seq
        self._last = max(self._last, seq)

    def _forget(self, identifier: str) -> None:
        obj = self._objects.pop(identifier, None)
        if obj is not None:
            self._kinds[obj["object"]].pop(identifier, None)

    # Events

    def emit(self, kind: str, obj: Obj, previous: Obj | None = None) -> Obj:
        """Record an event of the object as it stands now, and queue it for every endpoint that wants it."""
        made = events.event(kind, obj, previous, ident=self.new_id("evt"), now=self.now(), cause=self.cause)
        event = self.add(made)
        for endpoint in self.all("webhook_endpoint", status="enabled"):
            if events.wants(endpoint, event):
                self.store.put_delivery(event["id"], endpoint["id"])
                event["pending_webhooks"] += 1
        self.save(event)
        for watch in self.watchers:
            watch(events.public(event))
        return event

    @contextmanager
    def edit(self, obj: Obj, kind: str) -> Iterator[Obj]:
        """Change the object inside; where it differs afterwards it is saved and `kind` (`….updated`) is emitted."""
        before = copy.deepcopy(obj)
        yield obj
        previous = events.previous(before, obj)
        if previous or before != obj:
            self.save(obj)
        if previous:
            self.emit(kind, obj, previous)

    def url(self, path: str) -> str:
        """The address of one of this server's pages."""
        return f"{self.base}{path}"
