"""The worker, without its process: tasks that wait are run one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy import text

from app.web.database import db
from app.worker import ROOMS

_TAKE = text("""
    DELETE FROM procrastinate_jobs WHERE id = (
        SELECT id FROM procrastinate_jobs
        WHERE status = 'todo' AND (CAST(:only AS text) IS NULL OR task_name = :only) ORDER BY id LIMIT 1)
    RETURNING task_name, args
""")
_DROP = text("DELETE FROM procrastinate_jobs WHERE task_name = :only")


def run(app: Flask, only: str | None) -> int:
    """Run what waits until nothing does, all or one kind; returns how many."""
    done = 0
    while (found := take(app, only)) is not None:
        with app.app_context():
            task(found[0])(**found[1])
        done += 1
    return done


def drop(app: Flask, only: str) -> None:
    """Forget what tests before have left: the Stripe that it is about is gone."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(_DROP, {"only": only})


def task(name: str) -> Callable[..., Any]:
    """The task of this name."""
    found: Callable[..., Any] = next(room.TASKS[name] for room in ROOMS if name in room.TASKS)
    return found


def take(app: Flask, only: str | None) -> Any:
    """The next task that waits, by name with its arguments, which waits no more; none where none does."""
    with app.app_context(), db.engine.begin() as connection:
        return connection.execute(_TAKE, {"only": only}).one_or_none()
