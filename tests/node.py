"""Node and the packages that `.ci/run` installs for the tests; they live with the other local data."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from app.settings import PROJECT

NODE = os.environ.get("NODE") or shutil.which("node")
NODE_PACKAGES = Path(os.environ.get("NODE_PACKAGES") or PROJECT / "instance" / "node" / "node_modules")


def need(*tools: Path) -> None:
    """Skip with a reason when Node or one of its packages is missing; in CI nothing skips."""
    absent = [str(tool) for tool in tools if not tool.exists()]
    if NODE is None:
        absent.append("node")
    if not absent:
        return
    words = f"missing: {', '.join(absent)}; .ci/run installs them with npm"
    if os.environ.get("CI"):
        pytest.fail(words)
    pytest.skip(words)
