"""A loop of one's own: a browser test in the same process leaves one running in the main thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def run_apart(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine to its end in a thread that has no loop yet."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, work).result()
