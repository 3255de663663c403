"""How many files of ours a request goes through: a profiler notes those of `app/` in which a function is entered."""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from app.settings import PROJECT

APP = f"{PROJECT / 'app'}/"


@dataclass
class Walk:
    """The files that were entered, below `app/`, in the order of the first entry."""

    files: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{len(self.files)} files\n" + "\n".join(f"  {name:<48} {purpose(name)}" for name in self.files)


def purpose(name: str) -> str:
    """What a file alone does: the first line of its docstring."""
    told = ast.get_docstring(ast.parse((PROJECT / "app" / name).read_text(encoding="utf-8")))
    return (told or "").split("\n", 1)[0]


@contextmanager
def traced() -> Iterator[Walk]:
    """Note what is entered inside, in this thread and in those that start meanwhile."""
    walk, seen = Walk(), set[str]()

    def note(frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name not in seen:
            seen.add(name)
            if name.startswith(APP):
                walk.files.append(name.removeprefix(APP))

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield walk
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
