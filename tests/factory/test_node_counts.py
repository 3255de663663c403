"""The counts of a node's requests; that processes share them: tests/races/test_node_counts.py."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.factory.node_counts import NodeCounts


@pytest.fixture
def secret() -> str:
    return str(uuid4())


def test_each_minute_and_each_key_has_its_own_count(secret: str, tmp_path: Path) -> None:
    counts, one, other = NodeCounts(secret, tmp_path), uuid4(), uuid4()
    assert [counts.count(one, 7), counts.count(other, 7), counts.count(one, 7), counts.count(one, 8)] == [1, 1, 2, 1]
    assert NodeCounts(secret, tmp_path).count(one, 8) == 2
    assert NodeCounts(f"{secret}x", tmp_path).count(one, 8) == 1


def test_a_crowded_bucket_keeps_the_greatest_counts(secret: str, tmp_path: Path) -> None:
    counts = NodeCounts(secret, tmp_path)
    same_bucket = [UUID(int=((half ^ 5) << 64) | half) for half in range(1, 12)]
    for _ in range(3):
        counts.count(same_bucket[0], 7)
    for key in same_bucket[1:]:
        counts.count(key, 7)
    assert counts.count(same_bucket[0], 7) == 4


def test_a_file_of_somebody_else_is_not_used(secret: str, tmp_path: Path) -> None:
    counts, key = NodeCounts(secret, tmp_path), uuid4()
    target = tmp_path / "target"
    target.write_bytes(b"")
    (tmp_path / counts._name).symlink_to(target)
    assert [counts.count(key, 7), counts.count(key, 7)] == [1, 2]
    assert target.read_bytes() == b""
    (tmp_path / counts._name).unlink()
    os.close(os.open(tmp_path / counts._name, os.O_CREAT, 0o644))
    assert NodeCounts(secret, tmp_path).count(key, 7) == 1
