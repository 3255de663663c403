"""A corrected file counts nothing twice; equal lines of another file count only under a source of its own."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from flask import Flask

from app.metering.cli import group
from app.metering.imports.report import ImportReport
from app.metering.imports.survey import OtherContentError
from tests.metering.books import Books
from tests.metering.imports import importing

AT = "2026-11-02T00:00:00Z"
MAPS = ("org=org", "meter=t_sum", "quantity=n", "occurred_at=at", "user=who")


@pytest.fixture
def org(books: Books) -> UUID:
    importing.have_catalogue(books)
    return books.org()


def written(folder: Path, org: UUID, lines: list[str], name: str = "", end: str = "\n") -> Path:
    """A file of lines such as `10,ada`; its name is new unless one is given."""
    file = folder / (name or f"{uuid4().hex}.csv")
    text = end.join(["org,at,n,who", *(f"{org},{AT},{line}" for line in lines), ""])
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return file


def imported(books: Books, file: Path, **options: object) -> ImportReport:
    return importing.run(books, file, MAPS, **{"start": None, "create_orgs": False, **options})  # type: ignore[arg-type]


def counts(report: ImportReport) -> tuple[int, int, int]:
    return report.recorded, report.duplicates, report.bad


def test_a_corrected_file_adds_only_the_corrected_line(books: Books, org: UUID, tmp_path: Path) -> None:
    name = f"{uuid4().hex}.csv"
    first = imported(books, written(tmp_path, org, ["10,ada", "oops,ada", "30,ada"], name))
    assert (counts(first), books.used(org)) == ((2, 0, 1), 40)
    corrected = written(tmp_path, org, ["10,ada", "20,ada", "30,ada"], name)
    assert (counts(imported(books, corrected)), books.used(org)) == ((1, 2, 0), 60)
    for end in ("\r\n", "\r\n\r\n"):
        file = written(tmp_path, org, ["10,ada", "20,ada", "30,ada"], name, end)
        assert (counts(imported(books, file)), books.used(org)) == ((0, 3, 0), 60)
    assert books.differences(org) == []


def test_order_name_and_packing_of_a_file_do_not_matter(books: Books, org: UUID, tmp_path: Path) -> None:
    imported(books, written(tmp_path, org, ["1,ada", "1,ada", "2,bob"], "may.csv"))
    again = imported(books, written(tmp_path, org, ["2,bob", "1,ada", "1.0,ada", "1,ada"], "corrected.csv.gz"))
    assert (counts(again), books.used(org)) == ((1, 3, 0), 5)
    assert [(source.file, count) for source, count in again.known.items()] == [("may.csv", 3)]
    assert [line for line, _ in again.known_lines] == [2, 3, 4]


def test_equal_lines_under_another_source_are_other_use(books: Books, org: UUID, tmp_path: Path) -> None:
    for source, used in ((None, 2), ("", 2), ("london", 4), ("london", 4), ("paris", 6)):
        imported(books, written(tmp_path, org, ["1,ada", "1,ada"]), source=source)
        assert books.used(org) == used


def test_a_file_of_a_known_name_and_other_content_is_refused_without_a_source(
    books: Books, org: UUID, tmp_path: Path
) -> None:
    name = f"{uuid4().hex}.csv"
    imported(books, written(tmp_path, org, ["10,ada", "30,ada"], name))
    for lines in (["10,ada", "31,ada"], ["10,ada"], ["7,bob"]):
        file = written(tmp_path, org, lines, name)
        with pytest.raises(OtherContentError, match=r"was imported on 21 November 2026 with other content.*--source"):
            imported(books, file)
    with pytest.raises(OtherContentError):  # mapped otherwise, no line is the same
        importing.run(books, written(tmp_path, org, ["10,ada", "30,ada", "1,ada"], name), MAPS[:4], start=None)
    assert books.used(org) == 40
    assert counts(imported(books, written(tmp_path, org, ["10,ada", "31,ada"], name), source="")) == (1, 1, 0)
    assert books.used(org) == 71


def test_a_correction_is_compared_with_all_that_was_imported_under_its_name(
    books: Books, org: UUID, tmp_path: Path
) -> None:
    name = f"{uuid4().hex}.csv"
    for lines in (["1,ada"], ["1,ada", "2,ada"], ["1,ada", "2,ada", "3,ada"]):
        imported(books, written(tmp_path, org, lines, name))
    assert books.used(org) == 6
    with pytest.raises(OtherContentError):
        imported(books, written(tmp_path, org, ["2,ada", "3,ada"], name))


def test_a_dry_run_reads_the_whole_file_and_writes_nothing(books: Books, org: UUID, tmp_path: Path) -> None:
    imported(books, written(tmp_path, org, ["1,ada"], f"{uuid4().hex}.csv"))
    name = f"new-{uuid4().hex[:8]}"
    file = written(tmp_path, org, ["1,ada", "2,ada", "oops,ada", ",ada"])
    with file.open("a") as out:
        out.write(f"{name},{AT},5,bob\n{name},2027-01-01T00:00:00Z,5,bob\n")
    before = books.run("SELECT (SELECT count(*) FROM usage_imports), (SELECT count(*) FROM orgs)")
    dry = imported(books, file, dry_run=True, create_orgs=True)
    assert (counts(dry), dry.orgs_created, dry.lines) == ((2, 1, 3), 1, 6)
    assert [line for line, _ in dry.listed] == [4, 5, 7]
    assert books.run("SELECT (SELECT count(*) FROM usage_imports), (SELECT count(*) FROM orgs)") == before
    assert books.used(org) == 1
    wet = imported(books, file, create_orgs=True)
    assert (counts(wet), wet.orgs_created, [line for line, _ in wet.listed]) == ((2, 1, 3), 1, [4, 5, 7])


def test_bad_lines_anywhere_are_listed_and_the_rest_is_recorded(books: Books, org: UUID, tmp_path: Path) -> None:
    bad = ['"12" disk",ada', f"1,{'x' * 131_073}", "1,234,ada", ",ada", '"1,5",ada', '5,12" disk']
    file = written(tmp_path, org, ["1,ada"] * 300 + bad + ["1,bob"] * 10)
    report = imported(books, file, chunk=100)
    assert (counts(report), books.used(org)) == ((310, 0, len(bad)), 310)
    words = dict(report.listed)
    assert list(words) == [302, 303, 304, 305, 306, 307]
    assert "quotation mark" in words[302]
    assert "more than 131,072 characters" in words[303]
    assert words[304] == "has 5 columns, the first line names 4"
    assert words[305] == "quantity is empty"
    assert "'1,5' has a comma; write 1.5" in words[306]


def test_spreadsheet_files_are_taken_where_they_are_exact(books: Books, org: UUID, tmp_path: Path) -> None:
    file = tmp_path / f"{uuid4().hex}.csv"
    file.write_text(f"\ufefforg;at;n;who;;\r\n{org};{AT};1.0000000;ada;;\r\n{org};{AT};1,5;ada;;\r\n{org};{AT};2;b;;x")
    report = imported(books, file)
    assert (counts(report), books.used(org)) == ((1, 0, 2), 1)
    assert [line for line, _ in report.listed] == [3, 4]
    assert "column 6, which has no name" in report.listed[1][1]


def test_a_null_quantity_is_a_bad_line_and_a_missing_column_one_too(books: Books, org: UUID, tmp_path: Path) -> None:
    file = tmp_path / f"{uuid4().hex}.jsonl"
    lines = [{"org": str(org), "at": AT, "n": n} for n in (None, 2)] + [{"org": str(org), "at": AT}]
    file.write_text("\r\n".join(map(json.dumps, lines)))
    report = imported(books, file)
    assert (counts(report), dict(report.listed).keys()) == ((1, 0, 2), {1, 3})
    assert report.listed[0][1] == "quantity is empty"


def test_the_command_says_what_another_file_brought(app: Flask, books: Books, org: UUID, tmp_path: Path) -> None:
    runner, name = app.test_cli_runner(), f"{uuid4().hex}.csv"
    options = [word for given in MAPS for word in ("--map", given)]
    first = runner.invoke(group, ["import", str(written(tmp_path, org, ["1,a", "2,a"], name)), *options])
    assert (first.exit_code, "known from" in first.stdout) == (0, False)
    other = str(written(tmp_path, org, ["3,a", "2,a"]))
    for dry in (["--dry-run"], []):
        done = runner.invoke(group, ["import", other, *options, *dry])
        assert (done.exit_code, ("nothing was written" in done.stdout)) == (0, bool(dry))
        assert f"1 line was known from {name}, imported on" in done.stdout
        assert ": line 3\n" in done.stdout
    refused = runner.invoke(group, ["import", str(written(tmp_path, org, ["9,a"], name)), *options])
    assert (refused.exit_code, "--source" in refused.stderr) == (2, True)
    facts = runner.invoke(group, ["import", other, *options, "--json"])
    assert json.loads(facts.stdout)["known_from"][0]["lines"] == 1
    both = runner.invoke(group, ["import", other, *options, "--id", "{who}", "--source", "x"])
    assert both.exit_code == 2


@pytest.mark.parametrize("digits", [7, 9])
def test_digits_below_a_microsecond_are_cut_as_the_api_cuts_them(
    books: Books, org: UUID, tmp_path: Path, digits: int
) -> None:
    file = tmp_path / f"{uuid4().hex}.csv"
    file.write_text(f"org,at,n,who\n{org},2026-10-31T23:59:59.{'9' * digits}Z,1,ada\n")
    assert counts(imported(books, file)) == (1, 0, 0)
    [(at,)] = books.run("SELECT occurred_at::text FROM usage_events WHERE org_id = %s", (org,))
    assert at.startswith("2026-10-31 23:59:59.999999")
