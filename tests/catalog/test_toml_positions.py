"""Every key of any TOML text is found on its line."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog.toml_positions import find_line, index_lines

TEXT = '''# a comment with "quotes" and [brackets]
title = "a # is no comment here"
[owner]
"first name" = 'C:\\no\\escape'
dob.day = 1
[[fruit]]
name = "apple" # the first
sizes = [ # of it
    1,
    { low = 2,
      list = [3, "]"] }, 4]
[fruit.taste]
sweet = true
[[fruit]]
name = """two
lines with "quotes"""""
[[fruit.seeds]]
n = 1
[[fruit.seeds]]
n = 2
[a."b.c".d]
e = \'\'\'
x = 1
\'\'\'
f = 1979-05-27T07:32:00Z
'''.replace("{ low = 2,\n      list", "\n{ low = 2, list")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("owner",), 3),
        (("owner", "first name"), 4),
        (("owner", "dob", "day"), 5),
        (("fruit",), 6),
        (("fruit", 0), 6),
        (("fruit", 0, "name"), 7),
        (("fruit", 0, "sizes"), 8),
        (("fruit", 0, "sizes", 0), 9),
        (("fruit", 0, "sizes", 1), 11),
        (("fruit", 0, "sizes", 1, "low"), 11),
        (("fruit", 0, "sizes", 1, "list", 1), 11),
        (("fruit", 0, "sizes", 2), 11),
        (("fruit", 0, "taste", "sweet"), 13),
        (("fruit", 1), 14),
        (("fruit", 1, "name"), 15),
        (("fruit", 1, "seeds", 0, "n"), 18),
        (("fruit", 1, "seeds", 1, "n"), 20),
        (("a", "b.c", "d", "e"), 22),
        (("a", "b.c", "d", "f"), 25),
    ],
)
def test_keys_in_tables_arrays_of_tables_and_inline_tables_are_found(path, line):
    tomllib.loads(TEXT)
    assert index_lines(TEXT)[path] == line


def test_what_is_missing_stands_where_it_should_be_put():
    lines = index_lines(TEXT)
    assert find_line(lines, ("fruit", 1, "colour")) == 14
    assert find_line(lines, ("fruit", 0, "sizes", 1, "high")) == 11
    assert find_line(lines, ("nowhere", "at", "all")) == 1


def test_lines_are_counted_alike_with_carriage_returns():
    assert index_lines(TEXT.replace("\n", "\r\n")) == index_lines(TEXT)


KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
LEAVES = st.one_of(st.integers(-9, 9), st.booleans(), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
VALUES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)), max_leaves=8
)


def written(value, gap):
    """A value as TOML, with `gap` inside its arrays."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return "[" + "".join(f"{gap}{written(each, gap)},{gap}" for each in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{quoted(key)} = {written(each, gap)}" for key, each in value.items()) + " }"
    return str(value)


def quoted(text):
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text) + '"'


def paths(value, path=()):
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in pairs:
        yield (*path, key)
        yield from paths(each, (*path, key))


@given(st.dictionaries(KEYS, VALUES, max_size=4),
       st.sampled_from(["", " ", "\n", " # ]}\n\t"]))  # fmt: skip
def test_every_path_that_the_parser_finds_has_its_line_and_no_other_has_one(data, gap):
    text = "".join(f"{quoted(key)} = {written(value, gap)}\n" for key, value in data.items())
    assert set(index_lines(text)) == set(paths(tomllib.loads(text)))
    start = 1
    for key, value in data.items():
        assert index_lines(text)[key,] == start
        start += 1 + written(value, gap).count("\n")
