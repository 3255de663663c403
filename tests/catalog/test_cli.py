"""`flask catalog`, run as a person runs it."""

import json

import pytest
from flask import Flask

from app.catalog.cli import group
from app.kit.clock import Clocks
from app.kit.postgres.pool import HotPool
from app.web.database import db
from app.web.runtime import Runtime
from tests.catalog.conftest import NOW
from tests.catalog.test_apply import SMALL
from tests.support.settings import make_settings
from tests.today import FixedClock


@pytest.fixture
def run(empty, tmp_path):
    """Run `flask catalog WORDS`, with the file's text in FILE."""
    bare = Flask("catalog")
    bare.config["SQLALCHEMY_DATABASE_URI"] = empty.replace("postgresql://", "postgresql+psycopg://", 1)
    bare.extensions["tollkeeper"] = Runtime(
        make_settings(empty), Clocks(FixedClock(NOW), FixedClock(NOW)), HotPool(empty, 1), NOW
    )
    db.init_app(bare)
    bare.cli.add_command(group)
    file = tmp_path / "catalog.toml"

    def invoked(*words, text=None):
        if text is not None:
            file.write_text(text, encoding="utf-8")
        words = [str(file) if word == "FILE" else word for word in words]
        result = bare.test_cli_runner().invoke(args=["catalog", *words])
        return result.exit_code, result.output.replace(str(file), "FILE")

    yield invoked
    with bare.app_context():
        db.engine.dispose()


def test_apply_prints_the_difference_and_then_no_change(run):
    code, words = run("apply", "FILE", text=SMALL)
    assert code == 0
    assert "+ meter calls: Calls, sum\n" in words
    assert "+ plan pro: More\n" not in words
    assert "+ plan pro: Pro\n+ plan pro, version 1\n" in words
    assert "    charges.overage.USD.tiers[0].unit_amount: 0.01\n" in words
    assert run("apply", "FILE") == (0, "no changes\n")


def test_a_changed_plan_is_shown_fact_by_fact(run):
    run("apply", "FILE", text=SMALL)
    code, words = run("apply", "FILE", text=SMALL.replace('"490.00"', '"480.00"').replace('"More."', '"Most."'))
    assert (code, words) == (
        0,
        (
            "~ plan pro\n"
            "    summary: More. -> Most.\n"
            "+ plan pro, version 2, after version 1, which is unchanged\n"
            "    prices.USD.year: 490 -> 480\n"
        ),
    )


def test_a_dry_run_shows_the_same_and_writes_nothing(run):
    _, shown = run("apply", "FILE", "--dry-run", text=SMALL)
    assert run("apply", "FILE") == (0, shown)


def test_a_broken_file_is_refused_with_file_line_and_key(run):
    code, words = run("apply", "FILE", text=SMALL.replace("per_day = 50", "per_day = 0").replace('"USD"', '"USQ"'))
    assert code == 1
    assert words == (
        "FILE:25 plans.pro.meters.calls.per_day: must be above 0\n"
        "FILE:25 plans.pro.meters.calls.policy: needs a charge for this meter in USD\n"
        "FILE:30 plans.pro.charges[0].currency: 'USQ' is not a currency code of ISO 4217, such as USD\n"
        "FILE was not applied: 3 problems, nothing was written.\n"
    )
    assert run("apply", "FILE", "--dry-run", text=SMALL)[1].startswith("+ meter calls")


def test_a_file_that_is_not_text_is_refused(run, tmp_path):
    (tmp_path / "catalog.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    code, words = run("apply", "FILE")
    assert (code, words.splitlines()[0]) == (1, "FILE:2: must be UTF-8 text")


def test_a_missing_file_is_a_wrong_use(run):
    assert run("apply", "nowhere.toml")[0] == 2


def test_missing_plans_are_named_and_archived_only_when_asked(run):
    run("apply", "FILE", text=SMALL)
    only_free = SMALL[: SMALL.index("[plans.pro]")]
    left = "  plan pro: not in the file, left unchanged (--archive-missing archives it)\nno changes\n"
    assert run("apply", "FILE", text=only_free) == (0, left)
    assert run("apply", "FILE", "--archive-missing") == (0, "- plan pro: not in the file, archived\n")
    assert run("apply", "FILE", "--archive-missing") == (0, "no changes\n")


def test_export_prints_a_file_that_changes_nothing(run):
    run("apply", "FILE", text=SMALL)
    code, exported = run("export")
    assert code == 0
    assert run("apply", "FILE", text=exported) == (0, "no changes\n")


def test_the_export_is_to_be_had_as_json_too(run):
    run("apply", "FILE", text=SMALL)
    assert json.loads(run("export", "--json")[1])["plans"]["pro"]["prices"]["USD"]["month"] == "49"


def test_programs_read_json(run):
    code, words = run("apply", "FILE", "--json", text=SMALL)
    assert (code, json.loads(words)["changed"], json.loads(words)["applied"]) == (0, True, True)
    code, words = run("apply", "FILE", "--json", text="[plans]\nfree = 1\n")
    assert code == 1
    assert json.loads(words)["problems"][0] == {
        "file": "FILE", "line": 2, "key": "plans.free", "detail": "must be a table",
    }  # fmt: skip


@pytest.mark.parametrize("verb", ["apply", "export"])
def test_help_shows_an_example(run, verb):
    assert "Example: flask catalog" in run(verb, "--help")[1]
