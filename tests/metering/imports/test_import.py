"""`flask usage import`: every line once, whatever happens; what does not fit is named and kept out."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from flask import Flask

from app.kit.postgres.pool import HotPool
from app.metering.cli import group
from app.metering.imports.column_mapping import MappingError
from app.metering.imports.source_file import FileError, inspect_file
from app.metering.verification.verify import survey_usage
from app.settings import PROJECT
from tests.metering.books import Books
from tests.metering.imports import importing
from tests.metering.world import event
from tests.support.database import own_database

PUBLISHED = PROJECT.parent / "shared" / "data" / "llm_requests_by_client.csv.gz"
TOTALS = {
    "m-large": 236_892_826, "m-mid": 2_165_253_970, "m-small": 1_420_558_786, "mm-image": 818_610,
    "deepseek-r1": 1_383_669,
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path, books: Books) -> Path:
    """Requests of three clients of a model of its own, over a month's end."""
    importing.have_catalogue(books)
    model = f"m-{uuid4().hex[:8]}"
    rows = [[model, i % 3, i * 3600, i + 1] for i in range(240)]
    return written(tmp_path / f"{model}.csv.gz", rows)


def written(path: Path, rows: list[list[object]], columns: str = "model,client,window_start_s,requests") -> Path:
    with gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(columns.split(","))
        writer.writerows(rows)
    return path


def orgs_of(books: Books, model: str) -> dict[str, UUID]:
    return dict(books.run("SELECT name, id FROM orgs WHERE name LIKE %s", (f"{model}/%",)))


def totals(books: Books, model: str) -> tuple[Decimal, int]:
    """What the counters of a model's orgs hold, and how many events there are."""
    return books.run(
        "SELECT coalesce(sum(c.used), 0), coalesce(sum(c.events), 0)::int FROM usage_counters c"
        " JOIN orgs o ON o.id = c.org_id WHERE o.name LIKE %s",
        (f"{model}/%",),
    )[0]


def test_each_line_is_an_event_of_its_org_marked_as_imported(books: Books, file: Path) -> None:
    model = file.name.removesuffix(".csv.gz")
    report = importing.run(books, file)
    assert (report.recorded, report.duplicates, report.bad, report.orgs_created) == (240, 0, 0, 3)
    assert totals(books, model) == (240 * 241 // 2, 240)
    orgs = orgs_of(books, model)
    rows = books.run(
        "SELECT DISTINCT source, billable, billing_reason, kind, recorded_at FROM usage_events WHERE org_id = ANY (%s)",
        (list(orgs.values()),),
    )
    assert rows == [("import", False, "import", model, importing.NOW)]
    assert books.differences(*orgs.values()) == []


def test_importing_again_adds_nothing_also_packed_anew(books: Books, file: Path, tmp_path: Path) -> None:
    model = file.name.removesuffix(".csv.gz")
    importing.run(books, file)
    before = totals(books, model)
    again = importing.run(books, file)
    assert (again.recorded, again.duplicates, again.orgs_created) == (0, 240, 0)
    plain = tmp_path / "unpacked.csv"
    plain.write_bytes(gzip.decompress(file.read_bytes()))
    assert importing.run(books, plain).recorded == 0
    assert totals(books, model) == before


@pytest.mark.slow
def test_killed_half_way_and_started_again_it_ends_at_the_same_totals(books: Books, file: Path) -> None:
    model = file.name.removesuffix(".csv.gz")
    killed_after(books.url, file, chunk=10, chunks=1)
    reached = books.run("SELECT line FROM usage_imports WHERE file = %s", (file.name,))[0][0]
    assert 0 < reached < 240
    assert totals(books, model)[1] < 240
    report = importing.run(books, file, chunk=10)
    assert report.resumed_after == reached
    assert report.recorded + report.duplicates == 240
    assert totals(books, model) == (240 * 241 // 2, 240)
    assert books.differences(*orgs_of(books, model).values()) == []


def test_orgs_that_an_interrupted_run_did_not_find_are_created_by_one_that_may(books: Books, file: Path) -> None:
    def stop(line: int) -> None:
        if line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        importing.run(books, file, chunk=10, create_orgs=False, told=stop)
    report = importing.run(books, file, chunk=10)
    assert (report.resumed_after > 0, report.bad, report.recorded) == (True, 10, 240 - 10)


def test_calendar_periods_are_opened_back_to_the_first_event(books: Books, file: Path) -> None:
    importing.run(books, file, start="2026-06-30T12:00:00Z")
    org = orgs_of(books, file.name.removesuffix(".csv.gz")).popitem()[1]
    starts = books.run("SELECT starts_at FROM usage_periods WHERE org_id = %s ORDER BY 1", (org,))
    assert starts[0][0] == datetime(2026, 6, 1, tzinfo=UTC)
    assert len(starts) >= 6  # June to November
    counters = books.run("SELECT period_start FROM usage_counters WHERE org_id = %s ORDER BY 1", (org,))
    assert [start for (start,) in counters] == [datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)]


def test_imports_pass_limits_and_are_billed_only_when_told_to(books: Books, tmp_path: Path) -> None:
    importing.have_catalogue(books)
    org = books.org(t_sum={"policy": "block", "allowance": 10})
    at = "2026-11-02T00:00:00Z"
    maps = ("org=org", "meter=t_sum", "quantity=n", "occurred_at=at")
    for n, bill in ((100, False), (7, True)):
        file = written(tmp_path / f"{n}.csv", [[org, n, at]], "org,n,at")
        assert importing.run(books, file, maps, start=None, bill=bill).recorded == 1
    assert books.run("SELECT used, unbilled FROM usage_counters WHERE org_id = %s", (org,)) == [(107, 100)]
    books.limit(org, "t_sum", allowance=10)  # opening periods for the import has resolved the terms anew
    assert [books.one(org, event("t_sum", quantity)).code for quantity in (4, 3)] == ["quota_exceeded", "recorded"]
    assert books.differences(org) == []


def test_bad_lines_are_counted_listed_and_kept_out(books: Books, tmp_path: Path) -> None:
    importing.have_catalogue(books)
    org, at = str(books.org()), "2026-11-02T00:00:00Z"
    bad = {
        "org is empty": ["", "1", at, "t_sum"],
        "there is no org 'nobody'": ["nobody", "1", at, "t_sum"],
        "quantity '-1'": [org, "-1", at, "t_sum"],
        "quantity '1e3'": [org, "1e3", at, "t_sum"],
        "quantity 'NaN'": [org, "NaN", at, "t_sum"],
        "quantity '0.1234567'": [org, "0.1234567", at, "t_sum"],
        "occurred_at: 'yesterday' is not a time": [org, "1", "yesterday", "t_sum"],
        "event_in_future": [org, "1", "2027-01-01T00:00:00Z", "t_sum"],
        "unknown_meter: There is no meter 'nothing'.": [org, "1", at, "nothing"],
        "invalid_event": [org, "1", at, "t_people"],
        "NUL": [org, "1", at, "t\0sum"],
        "column 'meter' is missing": [org, "1", at],
    }
    file = written(tmp_path / "bad.csv", [*bad.values(), [org, "2", at, "t_sum"]], "org,n,at,meter")
    maps = ("org=org", "meter=meter", "quantity=n", "occurred_at=at")
    report = importing.run(books, file, maps, start=None, create_orgs=False)
    assert (report.recorded, report.bad, len(report.listed)) == (1, len(bad), len(bad))
    found = dict(report.listed)
    for line, words in enumerate(bad, start=2):
        assert words in found[line]
    assert books.events(UUID(org)) == 1


def test_no_more_than_twenty_bad_lines_are_listed(books: Books, tmp_path: Path) -> None:
    importing.have_catalogue(books)
    file = written(tmp_path / "many.csv", [["m", "c", i, "x"] for i in range(50)])
    report = importing.run(books, file)
    assert (report.bad, len(report.listed), report.recorded) == (50, 20, 0)


def test_an_id_of_ones_own_counts_once_and_other_content_is_a_conflict(books: Books, tmp_path: Path) -> None:
    importing.have_catalogue(books)
    org, at = books.org(), "2026-11-02T00:00:00Z"
    file = written(tmp_path / "ids.csv", [[org, 1, at, "a"], [org, 1, at, "a"], [org, 2, at, "a"]], "org,n,at,id")
    maps = ("org=org", "meter=t_sum", "quantity=n", "occurred_at=at")
    report = importing.run(books, file, maps, start=None, id_template="old-{id}")
    assert (report.recorded, report.duplicates, report.bad) == (1, 1, 1)
    assert report.listed[0][0] == 4
    assert "different content" in report.listed[0][1]


def test_one_file_gives_several_meters_one_import_each(books: Books, tmp_path: Path) -> None:
    importing.have_catalogue(books)
    org = books.org()
    file = written(tmp_path / "trace.csv", [[org, "2026-11-01 18:17:03.9799600", 4808, 10]], "org,at,asked,given")
    for meter, column in (("t_sum", "asked"), ("t_sum2", "given"), ("t_count", None)):
        maps = ["org=org", f"meter={meter}", "occurred_at=at", *([f"quantity={column}"] if column else [])]
        assert importing.run(books, file, maps, start=None).recorded == 1
    assert [books.used(org, meter) for meter in ("t_sum", "t_sum2", "t_count")] == [4808, 10, 1]
    at = books.run("SELECT DISTINCT occurred_at FROM usage_events WHERE org_id = %s", (org,))
    assert at == [(datetime(2026, 11, 1, 18, 17, 3, 979960, tzinfo=UTC),)]


def test_json_lines_keep_their_numbers_exact(books: Books, tmp_path: Path) -> None:
    importing.have_catalogue(books)
    org = books.org()
    at = "2026-11-02T00:00:00+02:00"
    lines = [
        {"org": str(org), "n": "123456789012345.123456", "at": at, "who": "ada", "ms": 12},
        f'{{"org": "{org}", "n": 0.000001, "at": "{at}"}}',
        "not json",
        {"org": str(org), "n": [1], "at": at},
        {"org": str(org), "n": 1, "at": at, "who": "\ud800"},
    ]
    file = tmp_path / "usage.jsonl"
    file.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines))
    maps = ("org=org", "meter=t_sum", "quantity=n", "occurred_at=at", "user=who", "response_ms=ms")
    report = importing.run(books, file, maps, start=None)
    assert (report.recorded, dict(report.listed).keys()) == (2, {3, 4, 5})
    assert books.used(org) == Decimal("123456789012345.123457")


@pytest.mark.parametrize(
    ("maps", "start", "words"),
    [
        (["org"], None, "--map org: write FIELD=COLUMN"),
        (["price=x"], None, "no field 'price'"),
        (["org=model", "org=client"], None, "mapped twice"),
        (["org=model"], None, "missing for meter, occurred_at"),
        ([*importing.SERVED[:4], "occurred_at=+{window_start_s}s"], None, "--start is missing"),
        ([*importing.SERVED[:4], "occurred_at=model"], "2026-10-25", "--start: occurred_at is not an offset"),
        (importing.SERVED, "soon", "--start soon"),
        ([*importing.SERVED[1:], "org={nobody}"], importing.START, "no column 'nobody'; it has model, client"),
        ([*importing.SERVED[1:], "org=nobody"], importing.START, "no column 'nobody'"),
        ([*importing.SERVED[1:], "org={model"], importing.START, "unbalanced brace"),
    ],
)
def test_options_that_do_not_fit_are_named(
    books: Books, file: Path, maps: list[str], start: str | None, words: str
) -> None:
    with pytest.raises(MappingError, match=words.replace("{", "\\{").replace("+", "\\+")):
        importing.run(books, file, maps, start=start)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"", "must end in"),
        ("a.csv", b"", "no column names"),
        ("a.csv", b"x,y,x\n", "'x' appears twice"),
        ("a.csv.gz", b"no gzip", "cannot be read"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n" * 99)[:-9], "cannot be read"),
    ],
    ids=["ending", "empty", "twice", "no-gzip", "cut-short"],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(FileError, match=words):
        inspect_file(file)


def test_two_orgs_of_one_name_are_told_apart_by_id_only(books: Books, tmp_path: Path) -> None:
    importing.have_catalogue(books)
    one, other = books.org(), books.org()
    name = f"twin-{uuid4()}"
    books.run("UPDATE orgs SET name = %s WHERE id = ANY (%s)", (name, [one, other]))
    at = "2026-11-02T00:00:00Z"
    file = written(tmp_path / "twins.csv", [[name, at], [one, at]], "org,at")
    report = importing.run(books, file, ("org=org", "meter=t_sum", "occurred_at=at"), start=None)
    assert (report.recorded, report.bad) == (1, 1)
    assert "2 orgs are named" in report.listed[0][1]


def test_each_org_that_an_import_makes_is_in_the_audit(books: Books, file: Path) -> None:
    importing.run(books, file)
    orgs = list(orgs_of(books, file.name.removesuffix(".csv.gz")).values())
    found = books.run("SELECT org_id, action FROM audit_entries WHERE org_id = ANY (%s)", (orgs,))
    assert Counter(action for _, action in found) == {"org.created": 3}


def test_the_command_answers_with_figures_and_exit_codes(app: Flask, books: Books, file: Path) -> None:
    runner = app.test_cli_runner()
    options = [word for each in importing.SERVED for word in ("--map", each)]
    command = ["import", str(file), *options, "--start", importing.START, "--json"]
    without = runner.invoke(group, command)
    assert (without.exit_code, json.loads(without.stdout)["bad"]) == (1, 240)
    done = runner.invoke(group, [*command, "--create-orgs"])
    facts = json.loads(done.stdout)
    assert (done.exit_code, facts["recorded"], facts["orgs_created"]) == (0, 240, 3)
    wrong = runner.invoke(group, ["import", str(file), "--map", "price=x"])
    assert wrong.exit_code == 2
    assert "no field 'price'" in wrong.stderr


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published trace is not beside this checkout")
@pytest.mark.slow
def test_the_published_traces_first_lines_end_at_their_own_totals(books: Books, tmp_path: Path) -> None:
    importing.have_catalogue(books)
    model = f"m-{uuid4().hex[:8]}"
    with gzip.open(PUBLISHED, "rt", newline="") as lines:
        head = list(islice(csv.DictReader(lines), 1_000))
    served = [[f"{model}-{each['model']}", *list(each.values())[1:]] for each in head]
    report = importing.run(books, written(tmp_path / "head.csv.gz", served, ",".join(head[0])), chunk=400)
    assert (report.recorded, report.bad) == (1_000, 0)
    kinds = Counter[str]()
    for each in head:
        kinds[f"{model}-{each['model']}"] += int(each["requests"])
    assert totals_by_kind(books, f"^{model}-") == kinds


@pytest.mark.long
@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published trace is not beside this checkout")
def test_the_published_trace_ends_at_its_published_totals_through_a_kill_and_a_correction(
    server: Path, tmp_path: Path
) -> None:
    names = "^(m-large|m-mid|m-small|mm-image|deepseek-r1)/"
    lines = gzip.decompress(PUBLISHED.read_bytes()).splitlines(keepends=True)
    broken = tmp_path / "requests.csv"
    broken.write_bytes(b"".join(line if place % 1000 else b"oops\n" for place, line in enumerate(lines, 999)))
    crlf = tmp_path / "crlf" / "requests.csv.gz"
    crlf.parent.mkdir()
    crlf.write_bytes(gzip.compress(b"".join(lines).replace(b"\n", b"\r\n"), 1))
    with own_database(server, "trace") as url, closing(HotPool(url, 4)) as pool:
        books = Books(url, pool)
        importing.have_catalogue(books)
        killed_after(url, broken, chunk=20_000, chunks=3)
        report = importing.run(books, broken, chunk=20_000)
        assert (report.recorded + report.duplicates, report.bad) == (251_524 - 252, 252)
        corrected = importing.run(books, PUBLISHED, chunk=50_000)
        assert (corrected.recorded, corrected.duplicates, corrected.bad) == (252, 251_524 - 252, 0)
        assert totals_by_kind(books, names) == TOTALS
        again = importing.run(books, crlf, chunk=50_000)
        assert (again.recorded, again.duplicates, again.known) == (0, 251_524, corrected.known)
        other = importing.run(books, PUBLISHED, source="other", chunk=50_000)
        assert (other.recorded, other.duplicates) == (251_524, 0)
        assert totals_by_kind(books, names) == {kind: 2 * total for kind, total in TOTALS.items()}
        with books.transaction() as session:
            assert survey_usage(session).differences == []
        books.engine.dispose()


def killed_after(url: str, file: Path, *, chunk: int, chunks: int) -> None:
    """Import a file in a process of its own, and kill that after so many chunks."""
    command = [sys.executable, "-m", "tests.metering.imports.importing", url, str(file), str(chunk)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as running:
        assert running.stdout is not None
        for _ in range(chunks + 1):
            running.stdout.readline()
        running.kill()


def totals_by_kind(books: Books, names: str) -> dict[str, Decimal]:
    """The events of the orgs whose names match, added up by kind."""
    return dict(
        books.run(
            "SELECT e.kind, sum(e.quantity) FROM usage_events e JOIN orgs o ON o.id = e.org_id"
            " WHERE o.name ~ %s GROUP BY 1",
            (names,),
        )
    )
