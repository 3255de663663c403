"""The processes and threads of a node count requests together: none is lost, and no limit admits one too many."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from app.factory.node_counts import NodeCounts
from app.settings import PROJECT

COUNTING = """
import sys
from pathlib import Path
from uuid import UUID
from app.factory.node_counts import NodeCounts
counts = NodeCounts(sys.argv[1], Path(sys.argv[2]))
print(*[counts.count(UUID(sys.argv[3]), 7) for _ in range(int(sys.argv[4]))])
"""


@pytest.mark.slow
def test_processes_and_threads_count_each_request_once(tmp_path: Path) -> None:
    secret, key = str(uuid4()), uuid4()
    command = [sys.executable, "-c", COUNTING, secret, str(tmp_path), str(key), "2000"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) for _ in range(2)]
    counts = NodeCounts(secret, tmp_path)
    with ThreadPoolExecutor(4) as pool:
        mine = list(pool.map(lambda _: counts.count(key, 7), range(2000)))
    theirs = [int(each) for child in running for each in child.communicate()[0].split()]
    for place, told in enumerate(sorted(mine + theirs), 1):
        assert told >= place, f"a limit of {told} admitted {place}"
    assert max(mine + theirs) == 6000
    assert counts.count(key, 7) == 6001


@pytest.mark.slow
def test_what_a_process_counted_stays_counted_when_it_has_ended(tmp_path: Path) -> None:
    secret, key = str(uuid4()), uuid4()
    command = [sys.executable, "-c", COUNTING, secret, str(tmp_path), str(key), "5"]
    for ended in (1, 2):
        told = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, check=True).stdout
        assert told.split()[-1] == str(5 * ended)
    assert NodeCounts(secret, tmp_path).count(key, 7) == 11


@pytest.mark.slow
def test_processes_forked_after_the_first_count_have_tables_of_their_own(tmp_path: Path) -> None:
    secret, key = str(uuid4()), uuid4()
    program = f"""
import os, sys
from pathlib import Path
from uuid import UUID
from app.factory.node_counts import NodeCounts
counts, key = NodeCounts({secret!r}, Path({str(tmp_path)!r})), UUID({str(key)!r})
counts.count(key, 7)
for _ in range(3):
    if os.fork() == 0:
        for _ in range(2000):
            counts.count(key, 7)
        os.write(1, b"%d\\n" % counts._opened[1])
        sys.stdin.read()  # it lives until all have counted
        os._exit(0)
os.write(1, b"%d\\n" % counts._opened[1])
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT
    ) as running:
        assert running.stdout
        assert running.stdin
        tables = [int(running.stdout.readline()) for _ in range(4)]
        running.stdin.close()
    assert len(set(tables)) == 4
    assert NodeCounts(secret, tmp_path).count(key, 7) == 6002


@pytest.mark.slow
def test_without_room_for_its_table_a_process_counts_alone(tmp_path: Path) -> None:
    bounded = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n" + COUNTING
    command = [sys.executable, "-c", bounded, str(uuid4()), str(tmp_path), str(uuid4()), "3"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, check=True)
    assert "requests are counted by process" in done.stdout + done.stderr
    assert done.stdout.split()[-3:] == ["1", "2", "3"]
