"""A malformed line of CSV is bad and costs only itself."""

from __future__ import annotations

import io

import pytest

from app.metering.imports.csv_rows import MAX_CELL, MAX_LINE, CsvReader, LineError, find_delimiter, read_lines


def rows(text: str, delimiter: str = ",", width: int | None = None) -> list[tuple[int, list[str] | str]]:
    """The rows of a text, with the words for bad ones."""
    reader = CsvReader(read_lines(io.StringIO(text)), delimiter, width)
    return [(number, str(row) if isinstance(row, LineError) else row) for number, row in reader]


def test_quoted_cells_may_hold_anything() -> None:
    assert rows('a,"b,c","say ""hi""",""\n') == [(1, ["a", "b,c", 'say "hi"', ""])]
    assert rows('a,"two\nlines",c\nd\n') == [(2, ["a", "two\nlines", "c"]), (3, ["d"])]
    assert rows("a,b\n\nc,d") == [(1, ["a", "b"]), (3, ["c", "d"])]
    assert rows('a;"b;c";1,5\n', ";") == [(1, ["a", "b;c", "1,5"])]


@pytest.mark.parametrize(
    "stray", ['x,"12" disk",1', 'x,"12 disk,1', 'x,12" disk,1', 'x, "12",1', 'x,"a"b"c",1', '"', 'x,"12 disk"1"']
)
def test_a_stray_quote_is_a_bad_line_wherever_it_is(stray: str) -> None:
    for following in ("b,2,3\n", 'b,"2",3\n', 'b,"2\n2",3\n'):
        found = rows(f"a,1,1\n{stray}\n{following}", width=3)
        assert [number for number, row in found if isinstance(row, str)] == [2]
        assert "quotation mark out of place" in str(found[1][1])
        assert found[0] == (1, ["a", "1", "1"])
        assert found[2][1] == rows(following)[0][1]


def test_many_stray_quotes_are_many_bad_lines() -> None:
    found = rows('a,"1\n' * 2000 + "b,2\n", width=2)
    assert [isinstance(row, str) for _, row in found] == [True] * 2000 + [False]


def test_a_row_with_more_cells_than_the_first_line_is_bad() -> None:
    assert rows("a,b,1,234\n", width=3) == [(1, "has 4 columns, the first line names 3")]
    assert rows("a,b\n", width=3) == [(1, ["a", "b"])]


def test_cells_and_lines_have_a_greatest_length() -> None:
    for cell in ("x" * (MAX_CELL + 1), f'"{"x" * (MAX_CELL + 1)}"'):
        assert rows(f"a,{cell}\nb,c\n") == [(1, "has a cell of more than 131,072 characters"), (2, ["b", "c"])]
    assert rows(f"a,{'x' * MAX_CELL}\n")[0][0] == 1
    found = rows(f"a\n{'x,' * MAX_LINE}\nb\n")
    assert found == [(1, ["a"]), (2, "is longer than 1,048,576 characters"), (3, ["b"])]


def test_a_semicolon_separates_where_there_is_no_comma() -> None:
    assert [find_delimiter(header) for header in ("a,b;c", "a;b", "a", '"a,b";c')] == [",", ";", ",", ","]
