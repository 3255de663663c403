"""Folders that only their owner can open: emails, logs and payments are nobody else's."""

from __future__ import annotations

from pathlib import Path


def make_private(folder: Path) -> None:
    """Create the folder if needed, and close it to other users, also if an earlier run left it open."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
