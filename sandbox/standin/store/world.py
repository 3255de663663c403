"""All state of the stand-in under one lock: objects, clock, events, schedule.

Objects are live dicts in the API's format. Keys that start with `_` are internal and never leave the process. A change
set (`with world.change():`) is committed whole or not at all; a changed object must be passed to `save`.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sandbox.standin import API_VERSION
from sandbox.standin.errors import StripeError, not_found
from sandbox.standin.store import events, ids
from sandbox.standin.store.clock import BusinessClock
from sandbox.standin.store.events import Cause
from sandbox.standin.store.faults import Faults
from sandbox.standin.store.schedule import SCHEDULED
from sandbox.standin.store.sqlite import Obj, ObjectStore


class World:
    """`base` is the URL of this server."""

    def __init__(self, store: ObjectStore, clock: BusinessClock, base: str) -> None:
        self.lock = threading.RLock()
        self.store, self.clock, self.base = store, clock, base
        self.faults = Faults()
        self.account_version = API_VERSION  # the account's default, in which events are listed
        self.cause = Cause()
        self.watchers: list[Callable[[Obj], None]] = []  # called with every event
        self._objects: dict[str, Obj] = {}
        self._kinds: dict[str, dict[str, None]] = {}
        self._seq: dict[str, int] = {}
        self._last = 0
        self._open = False
        self._pinned: int | None = None
        self._touched: set[str] = set()
        self._dirty: set[str] = set()
        for seq, obj in store.objects():
            self._index(obj, seq)

    # The clock

    def now(self) -> int:
        """Unix seconds; while scheduled work runs, the time it was due."""
        return int(self.clock.now()) if self._pinned is None else self._pinned

    def schedule(self, at: int, name: str, **args: Any) -> None:
        """Schedule the work `name` for `at`; when it runs, it checks whether it is still needed."""
        if name not in SCHEDULED:
            raise LookupError(f"nothing is scheduled under the name {name}")
        self.store.put_due(at, name, args)

    def run_due(self) -> int:
        """Run all due work in order of time, each in its own change set; return how many ran."""
        done = 0
        with self.lock:
            while (due := self.store.next_due(int(self.clock.now()))) is not None:
                self._run(*due)
                done += 1
        return done

    def _run(self, seq: int, at: int, name: str, args: Obj) -> None:
        """Run one piece of work. If it fails it is not retried, or nothing after it would ever run."""
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
        """Open a change set; a nested one joins the outer."""
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
                    self._rollback()
                raise
            except BaseException:
                self._rollback()
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

    def _rollback(self) -> None:
        self.store.rollback()
        for identifier in self._touched:
            stored = self.store.read(identifier)
            if stored is None:
                self._unindex(identifier)
            elif identifier in self._objects:
                obj = self._objects[identifier]
                obj.clear()
                obj.update(stored)
            else:
                self._index(stored, self._seq[identifier])

    # Objects

    def new_id(self, prefix: str) -> str:
        """A new id: `cus_…`, `in_…`."""
        return ids.new(prefix)

    def add(self, obj: Obj) -> Obj:
        """Add a new object (with `id` and `object`); return it."""
        with self.lock:
            if obj["id"] in self._objects:
                raise LookupError(f"{obj['id']} already exists")
            self._index(obj, self._last + 1)
            return self.save(obj)

    def save(self, obj: Obj) -> Obj:
        """Mark the object as changed; return it."""
        if not self._open:
            raise RuntimeError("save outside a change set")
        self._touched.add(obj["id"])
        self._dirty.add(obj["id"])
        return obj

    def remove(self, obj: Obj) -> None:
        """Delete the object."""
        self.save(obj)
        self._unindex(obj["id"])

    def find(self, identifier: str) -> Obj | None:
        """Find the object with this id, of any kind."""
        with self.lock:
            self._touched.add(identifier)
            return self._objects.get(identifier)

    def get(self, kind: str, identifier: str, param: str | None = None) -> Obj:
        """Get the object; raises 404 `resource_missing`, or 400 if the id was the value of the parameter `param`.

        Deleted customers, products and coupons are returned too, with `deleted` true.
        """
        obj = self.find(identifier)
        if obj is None or obj["object"] != kind:
            raise not_found(kind, identifier, param, 400) if param else not_found(kind, identifier)
        return obj

    def all(self, kind: str, **match: Any) -> list[Obj]:
        """List a kind's objects that have these values, newest first, without deleted ones."""
        with self.lock:
            objects = [self._objects[identifier] for identifier in reversed(self._kinds.get(kind, {}))]
            matching = [
                obj
                for obj in objects
                if not obj.get("deleted") and all(obj.get(name) == value for name, value in match.items())
            ]
            self._touched.update(obj["id"] for obj in matching)
            return matching

    def _index(self, obj: Obj, seq: int) -> None:
        self._objects[obj["id"]] = obj
        self._kinds.setdefault(obj["object"], {})[obj["id"]] = None
        self._seq[obj["id"]] = seq
        self._last = max(self._last, seq)

    def _unindex(self, identifier: str) -> None:
        obj = self._objects.pop(identifier, None)
        if obj is not None:
            self._kinds[obj["object"]].pop(identifier, None)

    # Events

    def emit(self, kind: str, obj: Obj, previous: Obj | None = None) -> Obj:
        """Record an event with the object's current state, and queue it for every subscribed endpoint."""
        built = events.event(kind, obj, previous, ident=self.new_id("evt"), now=self.now(), cause=self.cause)
        event = self.add(built)
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
        """Change the object in the block; if it differs afterwards, save it and emit `kind` (`….updated`)."""
        before = copy.deepcopy(obj)
        yield obj
        previous = events.previous(before, obj)
        if previous or before != obj:
            self.save(obj)
        if previous:
            self.emit(kind, obj, previous)

    def url(self, path: str) -> str:
        """The URL of one of this server's pages."""
        return f"{self.base}{path}"
