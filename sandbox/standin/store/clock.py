"""The business clock: the machine's time plus the offset in a file that the portal reads too."""

from __future__ import annotations

import math
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class BusinessClock(Protocol):
    """Unix seconds; `advance` moves the clock forward for everyone who reads it, at once or soon."""

    def now(self) -> float: ...

    def advance(self, seconds: float) -> None: ...


@dataclass
class FileClock:
    """Wall time plus the offset in `path`; no file means no offset.

    `mover` is the portal's command, which takes a span: it moves the clock and lets the portal follow at every instant.
    Without one, the clock jumps.
    """

    path: Path
    mover: tuple[str, ...] = ()

    def now(self) -> float:
        return time.time() + self._offset()

    def advance(self, seconds: float) -> None:
        if self.mover:
            command = [*self.mover, f"{math.ceil(seconds)}s"]
            threading.Thread(target=subprocess.run, args=(command,), name="mover", daemon=True).start()
            return
        total = self._offset() + seconds
        new = self.path.with_suffix(".standin")
        new.write_text(f"{total:.6f}\n", encoding="ascii")
        new.replace(self.path)

    def _offset(self) -> float:
        try:
            return float(self.path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0.0
