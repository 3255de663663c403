"""The picture of the house in the docs is what the code says now."""

from __future__ import annotations

from tests.support import picture


def test_picture_of_the_house_is_up_to_date() -> None:
    assert picture.PICTURE.read_text(encoding="utf-8") == picture.draw(), "run `make picture`"


def test_an_arrow_that_others_tell_is_left_out() -> None:
    pairs = {("portal", "payments"), ("payments", "kit"), ("portal", "kit"), ("portal", "web")}
    assert picture.reduced(pairs) == {("portal", "payments"), ("payments", "kit"), ("portal", "web")}
