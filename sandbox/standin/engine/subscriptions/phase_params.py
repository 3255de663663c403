"""The parameter `phases` of a schedule: dates that follow one another, prices, discounts by id, settings."""

from __future__ import annotations

from sandbox.standin.engine import proration
from sandbox.standin.engine.invoices import discounts, taxes
from sandbox.standin.engine.shapes import schedule_shape
from sandbox.standin.engine.subscriptions.start import require_same_terms
from sandbox.standin.errors import invalid
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

MOST = 10
PLAIN = (
    "billing_cycle_anchor", "collection_method", "default_payment_method", "description", "metadata",
    "proration_behavior",
)  # fmt: skip
NAMES = (
    *PLAIN,
    "items",
    "start_date",
    "end_date",
    "duration",
    "discounts",
    "default_tax_rates",
    "currency",
    "trial_end",
)


def parse_phases(world: World, schedule: Obj, subscription: Obj, rows: list[Obj]) -> list[Obj]:
    """Build the phases; the first is the running one, as it runs. Raises 400."""
    if not 1 <= len(rows) <= MOST:
        raise invalid(f"A schedule has 1 to {MOST} phases.", param="phases")
    current = schedule["current_phase"]
    built: list[Obj] = []
    for index, row in enumerate(rows):
        path = f"phases[{index}]"
        _allow(row, path)
        start = built[-1]["end_date"] if built else current["start_date"]
        if row.get("start_date", start) != start:
            reason = "follow the phase before" if built else "not be changed in the current phase"
            raise invalid(f"The start date must {reason}.", param=f"{path}[start_date]")
        built.append(_build(world, subscription, row, start, path))
    _require_running(built[0], subscription)
    if any(phase["trial_end"] for phase in built[1:]):
        raise invalid("The stand-in does not begin trials in later phases.", param="phases")
    if built[0]["end_date"] <= world.now():
        raise invalid("The current phase must end in the future.", param="phases[0][end_date]")
    return built


def _build(world: World, subscription: Obj, row: Obj, start: int, path: str) -> Obj:
    prices = [
        world.get("price", item.get("price", ""), f"{path}[items][{place}][price]")
        for place, item in enumerate(row["items"])
    ]
    if require_same_terms(prices)["currency"] != subscription["currency"]:
        raise invalid("The price must have the subscription's currency.", param=f"{path}[items]")
    items = [
        schedule_shape.item(price["id"], item.get("quantity", 1))
        for price, item in zip(prices, row["items"], strict=True)
    ]
    owner = {"customer": subscription["customer"], "currency": subscription["currency"]}
    redeemed = discounts.redeem(world, row.get("discounts") or [], subscription=subscription["id"], **owner)
    rates = taxes.get_rates(world, row.get("default_tax_rates") or [], f"{path}[default_tax_rates]")
    return schedule_shape.phase(
        start=start,
        end=_end(row, prices[0]["recurring"], start, path),
        currency=subscription["currency"],
        items=items,
        discounts=[schedule_shape.discount(ident) for ident in redeemed],
        default_tax_rates=rates,
        trial_end=row.get("trial_end"),
        **{name: row[name] for name in PLAIN if name in row},
    )


def _end(row: Obj, recurring: Obj, start: int, path: str) -> int:
    """When a phase ends: `end_date`, after `duration`, or after one period of its price."""
    if "end_date" in row and "duration" in row:
        raise invalid("You may only specify one of these parameters: duration, end_date.", param=f"{path}[duration]")
    length = {"interval_count": 1, **row.get("duration", recurring)}
    end = int(row["end_date"]) if "end_date" in row else proration.period_boundary(start, length, 1)
    if end <= start:
        raise invalid("A phase must end after it starts.", param=f"{path}[end_date]")
    return end


def _require_running(phase: Obj, subscription: Obj) -> None:
    """The current phase must list what the subscription has: what it leaves out, Stripe takes from the subscription."""
    trial_end = subscription["trial_end"] if subscription["status"] == "trialing" else None
    running = {
        "items": sorted((item["price"]["id"], item["quantity"]) for item in subscription["items"]["data"]),
        "discounts": list(subscription["discounts"]),
        "default_tax_rates": [rate["id"] for rate in subscription["default_tax_rates"]],
        "trial_end": trial_end,
    }
    listed = {
        "items": sorted((item["price"], item["quantity"]) for item in phase["items"]),
        "discounts": [row["discount"] for row in phase["discounts"]],
        "default_tax_rates": [rate["id"] for rate in phase["default_tax_rates"]],
        "trial_end": phase["trial_end"],
    }
    for name, value in running.items():
        if listed[name] != value:
            message = f"The stand-in does not change the {name} of the current phase. Release the schedule and change"
            raise invalid(f"{message} the subscription.", param=f"phases[0][{name}]")


def _allow(row: Obj, path: str) -> None:
    """Reject what Stripe accepts but the stand-in would ignore."""
    unknown = [name for name in row if name not in NAMES]
    unknown += [name for item in row["items"] for name in item if name not in {"price", "quantity"}]
    if unknown:
        raise invalid(f"The stand-in does not support {unknown[0]} in phases yet.", param=path)
