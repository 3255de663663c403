"""The card "Pay for overage" on the billing page of a plan without a fee: what is agreed to, by which press. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from app.catalog.models import PlanCharge, PlanMeter
from app.kit.money import ZERO
from app.payments.payment_methods.overage_state import OverageState
from app.rating import overage_price
from app.rating.schemas import parse_charge
from app.statements.wording import format_day, format_unit_price, unit_for
from app.subscriptions.overage.switch import OverageOffer
from app.web.filters import quantity

ON, OFF, ADD_CARD = "on", "off", "card"
_REFUSED = "Usage above your plan's allowance is refused."
_NO_CAP = "There is no spend cap yet."
_UNBOUNDED = f"{_NO_CAP} Without a hard limit, nothing bounds what a month can cost."
_LAPSED = "The plan's prices have changed since you switched this on, so usage above the allowance is refused again."
_LATER = "You can switch it off at any time. It goes off by itself when your plan changes or your card is removed."
_STOPPING = "Usage above the allowance is then refused at once. What was used above it until then is still charged."


@dataclass(frozen=True, slots=True)
class OverageView:
    """The card. `press` is what its button does (`ON`, `OFF`, `ADD_CARD`), None: there is none; `fields` go with it."""

    on: bool
    lead: str
    points: Sequence[str]
    limits: str
    press: str | None
    label: str
    note: str
    fields: Mapping[str, str] = field(default_factory=dict)


def build_overage_view(state: OverageState, card: str | None, zone: str, *, usable: bool) -> OverageView:
    """Build the card; `card` names the saved card, `usable`: the viewer may switch."""
    points = list(_list_points(state.offer))
    bounded = all(meter.hard_limit is not None for _, meter in _list_charged(state.offer))
    limits = "" if state.offer.refusal else _NO_CAP if bounded else _UNBOUNDED
    if state.on and state.since is not None:
        since = format_day(state.since, zone)
        where = f"is charged to {card or 'your card'} at the end of each month."
        lead = f"Since {since}, usage above your plan's allowance {where}"
        return OverageView(True, lead, points, limits, OFF if usable else None, "Stop paying for overage", _STOPPING)
    press, label, note = _choose_press(state, card)
    fields = {"version": str(state.offer.version.id), "card": state.card_id or ""} if press == ON else {}
    return OverageView(False, _lead(state), points, limits, press if usable else None, label, note, fields)


def _lead(state: OverageState) -> str:
    if state.offer.refusal is not None:
        return f"{_REFUSED} {state.offer.refusal}"
    wanted = "Switch this on, and it is charged to your card at the end of each month instead."
    return f"{_LAPSED if state.lapsed else _REFUSED} {wanted}"


def _choose_press(state: OverageState, card: str | None) -> tuple[str | None, str, str]:
    if state.offer.refusal is not None:
        return None, "", ""
    if card is None or state.card_id is None:
        return ADD_CARD, "Add a card", "You need a saved card for this. You enter it on Stripe's page."
    return ON, f"Pay for overage with {card}", _LATER


def _list_charged(offer: OverageOffer) -> Iterator[tuple[PlanCharge, PlanMeter]]:
    granted = {meter.meter_id: meter for meter in offer.version.meters}
    yield from ((charge, granted[charge.meter_id]) for charge in offer.charges)


def _list_points(offer: OverageOffer) -> Iterator[str]:
    """What each meter includes and costs above that, and where it is refused."""
    for charge, granted in _list_charged(offer):
        price = overage_price(parse_charge(charge.model, charge.properties, offer.currency))
        cost = format_unit_price(price, offer.currency) if price else "at the prices of your plan"
        allowance = granted.allowance or ZERO
        included = f"{quantity(allowance)} {unit_for(allowance, charge.meter.unit)} a month included, then {cost}."
        limit = granted.hard_limit
        refused = "No hard limit." if limit is None else f"Refused above {quantity(limit)}."
        yield f"{charge.meter.name}: {included} {refused}"
