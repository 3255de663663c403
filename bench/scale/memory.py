"""G22: what a web process holds of its own, in the kernel's count of pages (`Pss`), now and later."""

from __future__ import annotations

from pathlib import Path

TITLE = b"bench.server:app"


def web_processes() -> dict[int, int]:
    """The bytes of each web process that answers, by process id; the one that starts them is left out."""
    found, parents = {}, set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if TITLE not in (folder / "cmdline").read_bytes():
                continue
            parents.add(int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]))
            found[int(folder.name)] = _proportional(folder / "smaps_rollup")
        except OSError:
            continue  # ended meanwhile
    return {pid: held for pid, held in found.items() if pid not in parents}


def _proportional(path: Path) -> int:
    for line in path.read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{path} names no Pss")
