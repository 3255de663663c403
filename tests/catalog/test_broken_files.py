"""A broken file is refused as a whole; each mistake names its line and its key."""

import pytest

from app.catalog.errors import CatalogError
from app.catalog.schemas import read_catalog
from app.settings import PROJECT

FILE = """\
[meters.calls]
name = "Calls"
unit = "call"
aggregation = "sum"

[meters.people]
name = "People"
unit = "person"
aggregation = "unique"
dimension = "user"

[features]
formats = "Formats"

[plans.free]
name = "Free"
summary = "Nothing to pay."
default = true
prices.USD = { month = "0" }
limits = { jobs_at_once = 1, file_bytes = "1 MB", requests_per_minute = 60, retention_days = 30 }
features.formats = ["json"]

[plans.free.meters.calls]
allowance = 10
per_day = 5

[plans.pro]
name = "Pro"
summary = "More."
[plans.pro.prices]
USD = { month = "49.00", year = "490.00" }
JPY = { month = "7400" }
[plans.pro.limits]
jobs_at_once = 5
file_bytes = "5 MB"
requests_per_minute = 600
retention_days = "unlimited"
[plans.pro.meters]
calls = { allowance = 1000, policy = "charge", hard_limit = 5000 }

[[plans.pro.charges]]
key = "overage"
meter = "calls"
currency = "USD"
model = "graduated"
tiers = [
    { up_to = 1000, unit_amount = "0.01" },
    { up_to = 2000, unit_amount = "0.008" },
    { unit_amount = "0.005" },
]

[[plans.pro.charges]]
key = "overage"
meter = "calls"
currency = "JPY"
model = "per_unit"
unit_amount = "1.5"
"""

CASES = [
    ("is no TOML", 'unit = "call"', "unit = call", "3 unit: Invalid value"),
    ("is cut short", 'unit_amount = "1.5"\n', 'unit_amount = "1.5', "57 unit_amount: Unterminated string"),
    ("says a key twice", "default = true", 'name = "Again"', "18 name: Cannot overwrite a value"),
    ("has an unknown table", "[features]", "[extras]", "12 extras: unknown key; known here: features, meters, plans"),
    ("misspells a limit", "per_day = 5", "per_dya = 5", "25 plans.free.meters.calls.per_dya: unknown key"),
    ("leaves a name out", 'name = "Pro"\n', "", "27 plans.pro.name: is missing"),
    ("has a number for a name", 'name = "Pro"', "name = 5", "28 plans.pro.name: must be one line of text"),
    ("invents an aggregation", '"unique"', '"mean"', "9 meters.people.aggregation: must be one of sum, count"),
    ("counts unique values of nothing", 'dimension = "user"\n', "", "6 meters.people.dimension: is missing"),
    ("sums a dimension", 'unit = "call"', 'unit = "call"\ndimension = "kind"', "4 meters.calls.dimension: only unique"),
    ("spells a key in capitals", "[meters.people]", "[meters.People]", "6 meters.People: must be lower-case"),
    (
        "has a negative allowance",
        "allowance = 10\n",
        "allowance = -1\n",
        "24 plans.free.meters.calls.allowance: must be a decimal below 10^15",
    ),
    (
        "has an allowance with an exponent",
        "allowance = 10\n",
        'allowance = "1e3"\n',
        "24 plans.free.meters.calls.allowance: must be a decimal below 10^15",
    ),
    (
        "has an allowance that is no number",
        "allowance = 10\n",
        "allowance = inf\n",
        "24 plans.free.meters.calls.allowance: must be a decimal below 10^15",
    ),
    ("has an empty window", "per_day = 5", "per_day = 0", "25 plans.free.meters.calls.per_day: must be above 0"),
    ("invents a policy", '"charge", hard', '"chrage", hard', "39 plans.pro.meters.calls.policy: must be one of block"),
    (
        "has a hard limit below the allowance",
        "hard_limit = 5000",
        "hard_limit = 5",
        "39 plans.pro.meters.calls.hard_limit: must be at least the allowance, 1000",
    ),
    (
        "has a hard limit under block",
        "per_day = 5",
        "hard_limit = 50",
        "25 plans.free.meters.calls.hard_limit: under block",
    ),
    (
        "has a policy above no limit",
        "calls = { allowance = 1000,",
        'calls = { allowance = "unlimited",',
        "39 plans.pro.meters.calls.policy: an unlimited allowance has no overage",
    ),
    (
        "allows an unknown meter",
        "[plans.free.meters.calls]",
        "[plans.free.meters.cals]",
        "23 plans.free.meters.cals: is not a meter in this file",
    ),
    (
        "charges an unknown meter",
        'meter = "calls"\ncurrency = "JPY"',
        'meter = "cals"\ncurrency = "JPY"',
        "54 plans.pro.charges[1].meter: 'cals' is not a meter in this file",
    ),
    (
        "charges what it blocks",
        'policy = "charge", hard_limit = 5000',
        'policy = "block"',
        "43 plans.pro.charges[0].meter: never applies",
    ),
    (
        "does not charge in a currency that it has a price in",
        'currency = "JPY"',
        'currency = "EUR"',
        "39 plans.pro.meters.calls.policy: needs a charge for this meter in JPY",
    ),
    (
        "charges one meter twice in a currency",
        'currency = "JPY"',
        'currency = "USD"',
        "55 plans.pro.charges[1].currency: calls already has a charge in USD",
    ),
    (
        "collects tiers at once",
        'model = "graduated"',
        'model = "graduated"\ncollect = "immediate"',
        "46 plans.pro.charges[0].collect: immediate goes with per_unit only",
    ),
    (
        "has a price per 300",
        'unit_amount = "1.5"',
        'unit_amount = "1.5"\nper = 300',
        "58 plans.pro.charges[1].per: must be a product of 2s and 5s",
    ),
    (
        "has tiers that do not rise",
        "up_to = 2000",
        "up_to = 900",
        "48 plans.pro.charges[0].tiers[1].up_to: must be above that of the previous tier",
    ),
    (
        "ends in a closed tier",
        '{ unit_amount = "0.005" }',
        '{ up_to = 9000, unit_amount = "0.005" }',
        "49 plans.pro.charges[0].tiers[2].up_to: must be left out",
    ),
    ("misspells a property", "{ unit_amount", "{ unit_price", "49 plans.pro.charges[0].tiers[2].unit_price"),
    (
        "has a property of another model",
        'unit_amount = "1.5"',
        'unit_amount = "1.5"\nsize = 5',
        "58 plans.pro.charges[1].size: is not a key of this model",
    ),
    (
        "invents a model",
        'model = "per_unit"',
        'model = "per_unti"',
        "56 plans.pro.charges[1].model: must be one of flat",
    ),
    (
        "names no currency",
        'JPY = { month = "7400" }',
        'XXQ = { month = "7400" }',
        "32 plans.pro.prices.XXQ: 'XXQ' is not",
    ),
    (
        "has a price finer than a cent",
        '"490.00"',
        '"490.005"',
        "31 plans.pro.prices.USD.year: must have at most 2 places",
    ),
    ("has a price finer than a yen", '"7400"', '"7400.5"', "32 plans.pro.prices.JPY.month: must have at most 0 places"),
    ("has a negative price", '"490.00"', '"-490"', "31 plans.pro.prices.USD.year: must be a decimal"),
    ("has a weekly price", 'year = "490.00"', 'week = "20"', "31 plans.pro.prices.USD.week: unknown key"),
    (
        "asks money on the default plan",
        '{ month = "0" }',
        '{ month = "1" }',
        "19 plans.free.prices.USD.month: must be 0",
    ),
    (
        "has two default plans",
        'summary = "More."',
        'default = true\nsummary = "More."',
        "29 plans.pro.default: plan free",
    ),
    ("has a public plan without a price", 'prices.USD = { month = "0" }\n', "", "15 plans.free.prices: a public plan"),
    ("leaves a limit out", "requests_per_minute = 600\n", "", "33 plans.pro.limits.requests_per_minute: is missing"),
    ("has half a job", "jobs_at_once = 5", "jobs_at_once = 0.5", "34 plans.pro.limits.jobs_at_once: must be a whole"),
    ("has a size in words", '"5 MB"', '"five megabytes"', "35 plans.pro.limits.file_bytes: must be a decimal"),
    ("has no limits", "[plans.pro.limits]", "[plans.pro.limit]", "27 plans.pro.limits: is missing; it must be a table"),
    (
        "has a feature without a label",
        "features.formats =",
        "features.forms =",
        "21 plans.free.features.forms: has no label",
    ),
    ("has a feature of mixed kinds", '["json"]', '["json", 5]', "21 plans.free.features.formats: must be true, false"),
    ("has a text for a truth", "default = true", 'default = "yes"', "18 plans.free.default: must be true or false"),
    (
        "has a plan that is no table",
        "[plans.free]",
        "[plans]\nfast = 1\n[plans.free]",
        "16 plans.fast: must be a table",
    ),
]


def problems(text):
    with pytest.raises(CatalogError) as refused:
        read_catalog(text, "x.toml")
    return [str(problem) for problem in refused.value.problems]


def test_the_file_itself_is_right():
    assert list(read_catalog(FILE, "x.toml").plans) == ["free", "pro"]


@pytest.mark.parametrize(("old", "new", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_file_that(old, new, expected):
    assert FILE.count(old) >= 1
    found = problems(FILE.replace(old, new, 1))
    assert any(problem.startswith(f"x.toml:{expected}") for problem in found), found


def test_all_mistakes_are_named_at_once_in_the_order_of_their_lines():
    text = FILE.replace('unit = "call"\n', "").replace("up_to = 2000", "up_to = 1").replace("per_day", "per_week")
    assert [problem.split(":")[1].split(" ")[1] for problem in problems(text)] == [
        "meters.calls.unit", "plans.free.meters.calls.per_week", "plans.pro.charges[0].tiers[1].up_to",
    ]  # fmt: skip


def test_an_empty_file_is_refused():
    assert problems("") == ["x.toml:1 plans: is missing; it must be a table"]


@pytest.mark.slow
@pytest.mark.parametrize("file", sorted((PROJECT / "catalogs").glob("*.toml")), ids=lambda file: file.stem)
def test_no_single_missing_line_of_a_catalogue_breaks_more_than_the_reading(file):
    rows = file.read_text().splitlines(keepends=True)
    for number in range(len(rows)):
        found = problems_or_none("".join(rows[:number] + rows[number + 1 :]))
        assert all(1 <= problem.line <= len(rows) for problem in found)


def problems_or_none(text):
    try:
        read_catalog(text, "x.toml")
    except CatalogError as refused:
        return refused.problems
    return []
