"""A draft of one plan: what it may change, where its mistakes are, and that publishing it twice makes one version."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.catalog import queries
from app.catalog.drafts import publish_draft, read_draft
from app.catalog.errors import CatalogError
from app.catalog.export import export_plan
from app.catalog.models import Plan
from app.kit.actor import SYSTEM
from app.kit.errors import Conflict
from app.settings import PROJECT
from tests.catalog.conftest import NOW

SOLD = (PROJECT / "catalogs" / "scan_api.toml").read_text(encoding="utf-8")


@pytest.fixture
def draft(fresh: Session, put: Callable[..., object]) -> str:
    """Pro as it is published, as a draft."""
    put(SOLD)
    version = queries.find_newest_version(fresh, "pro")
    assert version is not None
    return export_plan(fresh, version)


def publish(session: Session, text: str, after: int = 1) -> int | None:
    number = publish_draft(session, text, after=after, actor=SYSTEM, now=NOW)
    session.commit()
    return number


def numbers(session: Session) -> dict[str, int]:
    return {version.plan.key: version.number for version in queries.list_offered_versions(session, public=False)}


def test_a_plan_as_it_is_exported_changes_nothing(fresh: Session, draft: str) -> None:
    read = read_draft(fresh, draft)
    assert (read.key, read.change, read.number, read.after) == ("pro", None, None, 1)
    for key in ("free", "enterprise"):
        version = queries.find_newest_version(fresh, key)
        assert version is not None
        assert read_draft(fresh, export_plan(fresh, version)).change is None
    assert publish(fresh, draft) is None
    assert set(numbers(fresh).values()) == {1}


def test_it_becomes_the_plans_next_version_and_leaves_the_rest(fresh: Session, draft: str) -> None:
    places = dict(fresh.execute(select(Plan.key, Plan.position)).all())
    dearer = draft.replace('month = "49"', 'month = "59"')
    read = read_draft(fresh, dearer)
    assert read.number == 2
    assert read.change is not None
    assert (read.change.words, read.change.facts) == ({}, {"prices.USD.month": ("49", "59")})
    assert publish(fresh, dearer) == 2
    assert numbers(fresh) == {"free": 1, "pro": 2, "enterprise": 1}
    assert dict(fresh.execute(select(Plan.key, Plan.position)).all()) == places


def test_publishing_it_twice_makes_one_version(fresh: Session, draft: str) -> None:
    dearer = draft.replace('month = "49"', 'month = "59"')
    assert [publish(fresh, dearer), publish(fresh, dearer)] == [2, 2]
    assert numbers(fresh)["pro"] == 2


def test_many_who_publish_at_once_make_one_version(fresh: Session, draft: str) -> None:
    engine, dearer = fresh.get_bind(), draft.replace('month = "49"', 'month = "59"')
    fresh.rollback()

    def press(_: int) -> int | None:
        with Session(engine) as session:
            return publish(session, dearer)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(press, range(4))) == {2}
    assert numbers(fresh)["pro"] == 2


def test_what_was_checked_against_an_older_version_is_refused(fresh: Session, draft: str) -> None:
    publish(fresh, draft.replace('month = "49"', 'month = "59"'))
    with pytest.raises(Conflict, match="Version 2 of this plan was published"):
        publish(fresh, draft.replace('month = "49"', 'month = "69"'))
    fresh.rollback()
    assert numbers(fresh)["pro"] == 2


def test_only_a_description_makes_no_version(fresh: Session, draft: str) -> None:
    renamed = draft.replace('name = "Pro"', 'name = "Professional"')
    read = read_draft(fresh, renamed)
    assert read.number is None
    assert read.change is not None
    assert read.change.words == {"name": ("Pro", "Professional")}
    assert publish(fresh, renamed) is None
    assert fresh.scalar(select(Plan.name).where(Plan.key == "pro")) == "Professional"


def test_a_new_plan_comes_last(fresh: Session, draft: str) -> None:
    new = draft.replace("plans.pro", "plans.team").replace('name = "Pro"', 'name = "Team"')
    assert (read_draft(fresh, new).number, read_draft(fresh, new).after) == (1, 0)
    assert publish(fresh, new, after=0) == 1
    assert list(numbers(fresh)) == ["free", "pro", "enterprise", "team"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('month = "49"', 'month = "cheap"', r"draft:\d+ plans.pro.prices.USD.month: .+"),
        ("allowance =", "alowance =", r"draft:\d+ plans.pro.meters.api_calls.alowance: unknown key"),
        ('name = "API calls"', 'name = "Calls"', r"draft:1 meters.api_calls: a meter cannot change with one plan"),
        ("[plans.pro]", "[plans.pro", r"draft:\d+ .+"),
        ("[plans.pro.limits]", '[plans.other]\nname = "x"\nsummary = "x"\n[plans.pro.limits]', r"draft:\d+ .+"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_key(fresh: Session, draft: str, old: str, new: str, words: str) -> None:
    assert old in draft
    with pytest.raises(CatalogError, match=words):
        read_draft(fresh, draft.replace(old, new, 1))


def test_a_draft_does_not_move_the_default(fresh: Session, draft: str) -> None:
    free = re.sub(r'(month|year) = "[^"]*"', r'\1 = "0"', draft).replace(
        "public = true", "public = true\ndefault = true"
    )
    with pytest.raises(
        CatalogError, match=r"draft:\d+ plans.pro.default: the default plan cannot change with one plan"
    ):
        read_draft(fresh, free)


def test_a_draft_is_of_one_plan(fresh: Session, draft: str) -> None:
    with pytest.raises(CatalogError, match="a draft is of one plan"):
        read_draft(fresh, SOLD)
    with pytest.raises(CatalogError, match="plans"):
        read_draft(fresh, draft.partition("[plans.pro]")[0])
