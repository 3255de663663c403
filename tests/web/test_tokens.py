"""Contrast of the design tokens in both themes, computed from the stylesheet itself (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re

import pytest

from app.factory import assets

SHEET = assets.stylesheet().decode()
TOKEN = re.compile(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")
TOKENS = {name: (day, night) for name, day, night in TOKEN.findall(SHEET)}

GROUNDS = ["bg", "surface", "sunken", "raised", "hover"]
TEXT = [(ink, ground) for ink in ("ink", "ink-2", "ink-3", "accent") for ground in GROUNDS] + [
    ("on-accent", "accent-solid"), ("on-accent", "accent-press"), ("on-accent", "danger-solid"),
    ("accent", "accent-soft"), ("ink", "accent-soft"), ("ink-2", "accent-soft"),
    *[(tone, f"{tone}-soft") for tone in ("good", "near", "high", "bad")],
    *[(ink, f"{tone}-soft") for tone in ("good", "near", "high", "bad") for ink in ("ink", "ink-2", "ink-3")],
    *[(tone, ground) for tone in ("good", "near", "high", "bad") for ground in ("surface", "bg")],
]  # fmt: skip
SHAPES = [
    *[(f"fill-{state}", ground) for state in ("ok", "near", "high", "bad") for ground in ("track", "surface")],
    *[(f"tone-{n}", "surface") for n in range(1, 7)],
    *[("line-firm", ground) for ground in ("surface", "bg", "sunken")],
    *[("focus", ground) for ground in GROUNDS],
    ("accent-solid", "surface"), ("accent-solid", "bg"), ("danger-solid", "surface"),
]  # fmt: skip


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXT)
def test_text_stands_out(ink: str, ground: str, theme: int) -> None:
    assert contrast(TOKENS[ink][theme], TOKENS[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_body_text_stands_out_well(ground: str, theme: int) -> None:
    assert contrast(TOKENS["ink"][theme], TOKENS[ground][theme]) >= 7
    assert contrast(TOKENS["ink-2"][theme], TOKENS[ground][theme]) >= 7


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("shape", "ground"), SHAPES)
def test_shapes_stand_out(shape: str, ground: str, theme: int) -> None:
    assert contrast(TOKENS[shape][theme], TOKENS[ground][theme]) >= 3


def test_only_tokens_name_sizes_of_type() -> None:
    assert {size for size in re.findall(r"font-size: ([\d.]+)px", SHEET) if size != "11"} == set()


def test_directions_are_logical() -> None:
    physical = re.compile(r"[{;]\s*(margin|padding|border)-(left|right|top|bottom)\b|[{;]\s*(left|right|top|bottom):")
    assert physical.findall(SHEET) == []
