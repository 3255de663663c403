"""Worked charges of every model, and strategies for any charge."""

from decimal import Decimal

from hypothesis import strategies as st

from app.kit.money import plain
from app.rating.division import ROUNDINGS
from app.rating.per import UNIT_PRICED
from app.rating.schemas import parse_charge

TIERS = [
    {"up_to": 1000, "unit_amount": "0.01", "flat_amount": "5"},
    {"up_to": 5000, "unit_amount": "0.008", "flat_amount": "2"},
    {"unit_amount": "0.005"},
]
PROPERTIES = {
    "flat": {"amount": "49"},
    "per_unit": {"unit_amount": "0.01"},
    "graduated": {"tiers": TIERS},
    "volume": {"tiers": TIERS},
    "package": {"size": 100, "price": "5", "free_units": 50},
    "stairstep": {
        "tiers": [{"up_to": 100, "flat_amount": "10"}, {"up_to": 500, "flat_amount": "40"}, {"flat_amount": "90"}]
    },
    "percentage": {"rate": "2.9", "fixed_fee": "0.30"},
    "graduated_percentage": {"tiers": [{"up_to": 1000, "rate": "3"}, {"rate": "1.5", "flat_amount": "1"}]},
}  # fmt: skip


CURRENCIES = {0: "JPY", 2: "USD", 3: "KWD"}


def charge(model, places=2, **properties):
    return parse_charge(model, properties or PROPERTIES[model], CURRENCIES[places])


def amounts(most=10**6):
    return st.decimals(min_value=0, max_value=most, places=6).map(plain)


quantities = st.decimals(min_value=0, max_value=Decimal("999999999999999.999999"), places=6) | st.integers(
    0, 10**4
).map(Decimal)


@st.composite
def tiers(draw, keys):
    bounds = sorted(draw(st.sets(st.integers(1, 10**6), max_size=4)))
    rows = [{"up_to": bound} for bound in bounds] + [{}]
    return [row | {key: draw(amounts()) for key in keys} for row in rows]


@st.composite
def charges(draw, models=tuple(PROPERTIES)):
    model = draw(st.sampled_from(models))
    properties = {
        "flat": lambda: {"amount": draw(amounts())},
        "per_unit": lambda: {"unit_amount": draw(amounts())},
        "graduated": lambda: {"tiers": draw(tiers(["unit_amount", "flat_amount"]))},
        "volume": lambda: {"tiers": draw(tiers(["unit_amount", "flat_amount"]))},
        "package": lambda: {
            "size": draw(st.integers(1, 10**4)),
            "price": draw(amounts()),
            "free_units": draw(amounts()),
        },
        "stairstep": lambda: {"tiers": draw(tiers(["flat_amount"]))},
        "percentage": lambda: {"rate": draw(amounts(100)), "fixed_fee": draw(amounts())},
        "graduated_percentage": lambda: {"tiers": draw(tiers(["rate", "flat_amount"]))},
    }[model]()
    if model in UNIT_PRICED and draw(st.booleans()):
        properties["per"] = draw(st.sampled_from([1, 2, 10, 1000, 10**6, 10**9]))
    if model != "flat" and draw(st.booleans()):
        divisor = draw(st.decimals(min_value="0.000001", max_value=10**6, places=6))
        properties |= {"divide_by": divisor, "round": draw(st.sampled_from(list(ROUNDINGS)))}
    least, most = sorted((draw(st.integers(0, 10**6)), draw(st.integers(0, 10**6))))
    properties |= {"minimum": least} if draw(st.booleans()) else {}
    properties |= {"maximum": most} if draw(st.booleans()) else {}
    return parse_charge(model, properties, draw(st.sampled_from(list(CURRENCIES.values()))))
