"""`/v1/checkout/sessions`: create, retrieve, list, update, expire, line items."""

from __future__ import annotations

from typing import Any

from stripe.params.checkout import (
    SessionCreateParams,
    SessionExpireParams,
    SessionLineItemListParams,
    SessionListParams,
    SessionRetrieveParams,
    SessionUpdateParams,
)

from sandbox.standin.engine import metadata
from sandbox.standin.engine.checkout import flow
from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.invoices.lines import product_name
from sandbox.standin.engine.payments import minimums, saved_cards
from sandbox.standin.engine.shapes import checkout_shape
from sandbox.standin.engine.subscriptions.start import require_same_terms
from sandbox.standin.errors import invalid, missing_param
from sandbox.standin.objects import lists
from sandbox.standin.objects.expand import includable
from sandbox.standin.objects.params import allow_only
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

URL = "/v1/checkout/sessions"
DAY, HALF_HOUR = 86_400, 1800
COPIED = (
    "allow_promotion_codes", "billing_address_collection", "cancel_url", "client_reference_id", "customer_email",
    "customer_creation", "integration_identifier", "locale", "origin_context", "submit_type", "success_url",
)  # fmt: skip

lists.add_retrieve("checkout.session", URL, SessionRetrieveParams)


@route("POST", URL, SessionCreateParams)
def create(world: World, given: Obj) -> Obj:
    """Create an open session with its page; nothing is paid or subscribed until somebody pays there."""
    _reject_unsupported(given)
    mode = given.get("mode")
    if mode is None:
        raise missing_param("mode")
    if "success_url" not in given:
        raise missing_param("success_url")
    if given.get("allow_promotion_codes") and given.get("discounts"):
        raise invalid("You may only specify one of these parameters: allow_promotion_codes, discounts.")
    customer = _get_customer(world, given)
    ident, now = world.new_id("cs_test"), world.now()
    more = {name: given[name] for name in COPIED if name in given}
    session = checkout_shape.session(ident, now, mode=mode, expires_at=_parse_expiry(given, now), **more)
    session["url"] = world.url(f"/c/pay/{ident}")
    session["metadata"] = metadata.merged({}, given.get("metadata"))
    session["customer"] = customer and customer["id"]
    session["customer_details"] = checkout_shape.customer_details(customer, given.get("customer_email"), None)
    if customer is None and not given.get("customer_email"):
        session["customer_details"] = None
    if customer is None and mode != "setup" and not given.get("customer_creation"):
        session["customer_creation"] = "always" if mode == "subscription" else "if_required"
    session["_data"] = {name: given.get(name) or {} for name in DATA}
    session["_intent"] = session["_method"] = None
    (_prepare_setup if mode == "setup" else _prepare_sale)(world, session, given)
    world.add(session)
    world.schedule(session["expires_at"], "expire_session", session=ident)
    return session


DATA: dict[str, tuple[str, ...]] = {
    "subscription_data": ("metadata", "description", "trial_end", "trial_period_days", "trial_settings"),
    "payment_intent_data": ("metadata", "description", "setup_future_usage"),
    "setup_intent_data": ("metadata", "description"),
    "invoice_creation": ("enabled", "invoice_data"),
}
OTHERS = (
    "mode", "customer", "currency", "line_items", "metadata", "discounts", "expires_at", "payment_method_collection",
)  # fmt: skip


def _reject_unsupported(given: Obj) -> None:
    """Reject what Stripe accepts but the stand-in would ignore."""
    hosted = {name: value for name, value in given.items() if name != "ui_mode" or value != "hosted_page"}
    allow_only(hosted, *COPIED, *OTHERS, *DATA)
    for name, parts in DATA.items():
        allow_only(given.get(name) or {}, *parts)
    allow_only((given.get("invoice_creation") or {}).get("invoice_data") or {}, "metadata", "description")
    for row in given.get("line_items") or []:
        allow_only(row, "price", "quantity")


@route("GET", URL, SessionListParams)
def listing(world: World, given: Obj) -> Obj:
    """Newest first, filtered by customer, status, payment intent, subscription and the customer's email address."""
    names = ("customer", "status", "payment_intent", "subscription")
    rows = world.all("checkout.session", **{name: given[name] for name in names if name in given})
    email = (given.get("customer_details") or {}).get("email")
    if email:
        rows = [row for row in rows if (row["customer_details"] or {}).get("email") == email]
    return lists.list_page(rows, given, URL)


@route("POST", URL + "/{ident}", SessionUpdateParams)
def update(world: World, given: Obj, ident: str) -> Obj:
    """Update the metadata."""
    session = world.get("checkout.session", ident)
    session["metadata"] = metadata.merged(session["metadata"], given.get("metadata"))
    return world.save(session)


@route("POST", URL + "/{ident}/expire", SessionExpireParams)
def expire(world: World, _given: Obj, ident: str) -> Obj:
    """Expire an open session early."""
    session = world.get("checkout.session", ident)
    if session["status"] != "open":
        raise invalid(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This one is {session["status"]}.'
        )
    flow.expire(world, session)
    return session


@route("GET", URL + "/{ident}/line_items", SessionLineItemListParams)
def line_items(world: World, given: Obj, ident: str) -> Obj:
    """The items sold."""
    rows = world.get("checkout.session", ident).get("_lines", [])
    return lists.list_page(rows, given, f"{URL}/{ident}/line_items")


@includable("checkout.session", "line_items")
def expanded_line_items(world: World, session: Obj) -> Obj:
    """The items sold, expanded inside the session."""
    rows = (world.find(session["id"]) or {}).get("_lines", [])
    return lists.list_object(rows, f"{URL}/{session['id']}/line_items")


def _parse_expiry(given: Obj, now: int) -> int:
    at = int(given.get("expires_at", now + DAY))
    if not now + HALF_HOUR <= at <= now + DAY:
        message = "The `expires_at` timestamp must be 30 minutes to 24 hours after the session's creation."
        raise invalid(message, param="expires_at")
    return at


def _get_customer(world: World, given: Obj) -> Obj | None:
    if not given.get("customer"):
        return None
    customer = get_active_customer(world, given["customer"], "customer")
    if given.get("customer_email"):
        raise invalid("You may only specify one of these parameters: customer, customer_email.")
    return customer


def _prepare_setup(world: World, session: Obj, given: Obj) -> None:
    """Save a card for later: requires a currency and creates the setup intent at once."""
    if given.get("line_items"):
        raise invalid("You can not pass `line_items` in `setup` mode.", param="line_items")
    if not given.get("currency"):
        raise missing_param("currency")
    data = session["_data"]["setup_intent_data"]
    intent_metadata = metadata.merged({}, data.get("metadata"))
    intent = saved_cards.create_setup_intent(world, session["customer"], intent_metadata, data.get("description"))
    session.update(currency=given["currency"], setup_intent=intent["id"], _lines=[])


def _prepare_sale(world: World, session: Obj, given: Obj) -> None:
    """Set the items sold: recurring prices in subscription mode, one-time prices in payment mode."""
    if not given.get("line_items"):
        raise missing_param("line_items")
    prices = [_get_price(world, row, index) for index, row in enumerate(given["line_items"])]
    recurring = [price for price in prices if price["recurring"] is not None]
    if session["mode"] == "subscription":
        if not recurring:
            raise invalid("You must provide at least one recurring price in `subscription` mode.", param="line_items")
        require_same_terms(prices)
    elif recurring:
        message = "You passed a recurring price; `payment` mode accepts only one-time prices."
        raise invalid(message, param="line_items")
    if given.get("currency") not in {None, prices[0]["currency"]}:
        raise invalid("The currency is not that of the prices.", param="currency")
    session["currency"] = prices[0]["currency"]
    session["_lines"] = [
        checkout_shape.line(world.new_id("li"), price, row.get("quantity", 1), product_name(world, price))
        for price, row in zip(prices, given["line_items"], strict=True)
    ]
    if session["mode"] == "payment":
        on = bool(session["_data"]["invoice_creation"].get("enabled"))
        session["invoice_creation"] = {"enabled": on, "invoice_data": _INVOICE_DATA | {"metadata": {}}}
    elif "payment_method_collection" in given:
        session["payment_method_collection"] = given["payment_method_collection"]
    flow.set_discount(world, session, *_discount(given))
    if minimums.is_too_small(session["amount_total"], session["currency"]):
        raise minimums.too_small("The Checkout Session's total amount due must add up to", session["currency"])


_INVOICE_DATA: dict[str, Any] = dict.fromkeys(
    ("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")
)


def _get_price(world: World, row: Obj, index: int) -> Obj:
    path = f"line_items[{index}][price]"
    if "price" not in row:
        raise missing_param(path)
    price = world.get("price", row["price"], path)
    if not price["active"]:
        raise invalid(
            f"The price specified is inactive. This field only accepts active prices: {price['id']}", param=path
        )
    return price


def _discount(given: Obj) -> tuple[str | None, str | None]:
    first = (given.get("discounts") or [{}])[0]
    return first.get("coupon"), first.get("promotion_code")
