"""Requests in the current minute, counted by all web processes of a node in one memory-mapped file.

Each process has a table of its own in the file, which only it writes: a hash table of 16-byte entries, half a key, the
count and its minute. A key's count is the sum over the tables, so a request takes no lock that another process holds.
A process owns its table by a lock on a byte of the file, which ends with the process; the next one that starts takes
the table over with its counts. A count may start anew when more than `_ENTRIES` keys of one bucket are counted in a
minute, and a file that is lost costs a minute's counts.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import stat
import struct
import tempfile
from hashlib import sha256
from pathlib import Path
from threading import Lock
from uuid import UUID

import structlog

log = structlog.get_logger()

_BUCKETS = 1 << 14
_ENTRIES = 8
_ENTRY = struct.Struct("<QII")
_BUCKET = struct.Struct("<" + "QII" * _ENTRIES)
_TABLE = _BUCKETS * _BUCKET.size
_MOST_PROCESSES = 64
_IN_USE = _MOST_PROCESSES * _TABLE  # the byte after the tables: how many of them have ever been taken
_SIZE = _IN_USE + 1
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # nosec B108  # checked in `_open_file`


class NodeCounts:
    """Counts of this node. Processes that were given the same secret share them."""

    def __init__(self, secret: str, folder: Path = _SHARED_MEMORY) -> None:
        self._name = f"tollkeeper-{os.getuid()}-{sha256(f'counts {secret}'.encode()).hexdigest()[:24]}"
        self._folder = folder
        self._lock = Lock()
        self._opened: tuple[int, int, mmap.mmap] | None = None

    def count(self, key: UUID, minute: int) -> int:
        """Count one request; return the key's total for the minute, including this one.

        Of requests counted at the same moment, none is told less than its place among them, so no more of them than a
        limit are told a number within it.
        """
        half = key.int & 0xFFFFFFFFFFFFFFFF or 1
        bucket = (key.int >> 64 ^ half) % _BUCKETS * _BUCKET.size
        with self._lock:
            own, memory = self._open()
            total = _count(memory, own + bucket, half, minute)
        # Written before the others are read (releasing a lock orders the two), or two processes could miss each other.
        for table in range(0, memory[_IN_USE] * _TABLE, _TABLE):
            if table != own:
                total += _find(memory, table + bucket, half, minute)
        return total

    def _open(self) -> tuple[int, mmap.mmap]:
        """Where this process's table begins, and the memory. Opened again after a fork: locks belong to a process."""
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = None  # first: the end of the parent's mapping ends this process's locks on the file
            self._opened = (os.getpid(), *self._share())
        return self._opened[1], self._opened[2]

    def _share(self) -> tuple[int, mmap.mmap]:
        """Share the file; if that fails, or somebody else made it, this process counts alone."""
        folder = self._folder if os.access(self._folder, os.W_OK) else Path(tempfile.gettempdir())
        try:
            return _share_file(folder / self._name)
        except OSError as error:
            log.warning("requests are counted by process", error=str(error))
            alone = mmap.mmap(-1, _SIZE)
            alone[_IN_USE] = 1
            return 0, alone


def _share_file(path: Path) -> tuple[int, mmap.mmap]:
    """Where this process's table in the file begins, and the file's memory. Raises `OSError`."""
    file = _open_file(path)  # stays open: closing it would end the lock on the table
    try:
        memory = mmap.mmap(file, _SIZE)
        return _take_table(file, memory), memory
    except OSError:
        os.close(file)
        raise


def _count(memory: mmap.mmap, offset: int, half: int, minute: int) -> int:
    """Add one to the key's entry of a bucket: its own, else an old one, else the smallest."""
    values = _BUCKET.unpack_from(memory, offset)
    entry, least, total = 0, 1 << 32, 1
    for number in range(_ENTRIES):
        key, counted, at = values[number * 3 : number * 3 + 3]
        current = counted if at == minute else 0
        if key == half:
            entry, total = number, current + 1
            break
        if current < least:
            entry, least = number, current
    _ENTRY.pack_into(memory, offset + entry * _ENTRY.size, half, total, minute)
    return total


def _find(memory: mmap.mmap, offset: int, half: int, minute: int) -> int:
    """Read the key's count of a bucket that another process may be writing: until two readings agree."""
    values, before = _BUCKET.unpack_from(memory, offset), None
    while values != before:
        values, before = _BUCKET.unpack_from(memory, offset), values
    for number in range(0, 3 * _ENTRIES, 3):
        if values[number] == half:
            counted: int = values[number + 1]
            return counted if values[number + 2] == minute else 0
    return 0


def _take_table(file: int, memory: mmap.mmap) -> int:
    """Take the first table that no living process has. Raises `OSError` if there is none, or no room for it."""
    fcntl.lockf(file, fcntl.LOCK_EX, 1, _IN_USE)
    try:
        table = next((place for place in range(0, _IN_USE, _TABLE) if _is_free(file, place)), None)
        if table is None:
            raise OSError(f"{_MOST_PROCESSES} processes count already")
        if hasattr(os, "posix_fallocate"):  # or a full file system would end the process when it touches the memory
            os.posix_fallocate(file, table, _TABLE)
            os.posix_fallocate(file, _IN_USE, 1)
        memory[_IN_USE] = max(memory[_IN_USE], table // _TABLE + 1)
        return table
    finally:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, _IN_USE)


def _is_free(file: int, table: int) -> bool:
    """Whether no other process has the table; it is this process's then."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, table)
    except OSError:
        return False
    return True


def _open_file(path: Path) -> int:
    """Open the file that the processes share. Raises `OSError` if it cannot be opened, or somebody else made it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    found = os.fstat(file)
    if found.st_uid != os.getuid() or not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
        os.close(file)
        raise PermissionError(f"{path} belongs to somebody else")
    if found.st_size < _SIZE:
        os.ftruncate(file, _SIZE)
    return file
