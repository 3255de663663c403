"""`/v1/billing_portal`: sessions and configurations. The page is in `pages/customer_portal`."""

from __future__ import annotations

from typing import Any

from stripe.params.billing_portal import (
    ConfigurationCreateParams,
    ConfigurationListParams,
    ConfigurationRetrieveParams,
    ConfigurationUpdateParams,
    SessionCreateParams,
)

from sandbox.standin.engine.customers import get_active_customer
from sandbox.standin.engine.metadata import merged
from sandbox.standin.errors import invalid, missing_param
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only, given_fields
from sandbox.standin.routes import route
from sandbox.standin.store import ids
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

CONFIGURATION, SESSION = "billing_portal.configuration", "billing_portal.session"
LINKS = ("headline", "privacy_policy_url", "terms_of_service_url")

lists.add_list(CONFIGURATION, "/v1/billing_portal/configurations", ConfigurationListParams, "active", "is_default")
lists.add_retrieve(CONFIGURATION, "/v1/billing_portal/configurations", ConfigurationRetrieveParams)


@route("POST", "/v1/billing_portal/configurations", ConfigurationCreateParams)
def configure(world: World, params: Obj) -> Obj:
    return _create_configuration(world, params, default=not world.all(CONFIGURATION))


@route("POST", "/v1/billing_portal/configurations/{ident}", ConfigurationUpdateParams)
def reconfigure(world: World, params: Obj, ident: str) -> Obj:
    row = world.get(CONFIGURATION, ident)
    with world.edit(row, "billing_portal.configuration.updated"):
        row.update(given_fields(params, "active", "default_return_url", "name"))
        row["business_profile"] = {**row["business_profile"], **(params.get("business_profile") or {})}
        row["features"] = _merge(row["features"], params.get("features") or {})
        row["metadata"] = merged(row["metadata"], params.get("metadata"))
        row["updated"] = world.now()
    return row


@route("POST", "/v1/billing_portal/sessions", SessionCreateParams)
def create(world: World, params: Obj) -> Obj:
    allow_only(params, "customer", "configuration", "flow_data", "locale", "return_url")
    if "customer" not in params:
        raise missing_param("customer")
    customer = get_active_customer(world, params["customer"], "customer")
    configuration = _get_configuration(world, params.get("configuration"))
    token = ids.token(48)
    session = world.add(
        {
            "id": world.new_id("bps"),
            "object": SESSION,
            "configuration": configuration["id"],
            "created": world.now(),
            "customer": customer["id"],
            "customer_account": None,
            "flow": _build_flow(configuration, params.get("flow_data")),
            "livemode": False,
            "locale": params.get("locale"),
            "on_behalf_of": None,
            "return_url": params.get("return_url") or configuration["default_return_url"],
            "url": world.url(f"/p/session/{token}"),
            "_token": token,
        }
    )
    world.emit("billing_portal.session.created", session)
    return session


def _get_configuration(world: World, identifier: str | None) -> Obj:
    """Get the named configuration, or the default one, which is created if missing."""
    if identifier:
        return world.get(CONFIGURATION, identifier, "configuration")
    defaults = world.all(CONFIGURATION, is_default=True, active=True)
    return defaults[0] if defaults else _create_configuration(world, {"features": {}}, default=True)


def _build_flow(configuration: Obj, given: Obj | None) -> Obj | None:
    if not given:
        return None
    if given["type"] != "payment_method_update":
        raise invalid("The stand-in's portal supports only the flow payment_method_update.", param="flow_data[type]")
    if not configuration["features"]["payment_method_update"]["enabled"]:
        raise invalid("Payment method updates are off in this configuration.", param="flow_data[type]")
    after = given.get("after_completion") or {"type": "portal_homepage"}
    completion: Obj = {"hosted_confirmation": None, "redirect": None, "type": after["type"]}
    if after["type"] == "redirect":
        if "redirect" not in after:
            raise missing_param("flow_data[after_completion][redirect]")
        completion["redirect"] = after["redirect"]
    elif after["type"] == "hosted_confirmation":
        completion["hosted_confirmation"] = {"custom_message": None, **(after.get("hosted_confirmation") or {})}
    names = ("customer_update", "subscription_cancel", "subscription_pause", "subscription_update")
    nothing: dict[str, Any] = dict.fromkeys((*names, "subscription_update_confirm"))
    return {**nothing, "after_completion": completion, "type": given["type"]}


def _create_configuration(world: World, params: Obj, *, default: bool) -> Obj:
    profile = {**dict.fromkeys(LINKS), **(params.get("business_profile") or {})}
    configuration = world.add(
        {
            "id": world.new_id("bpc"),
            "object": CONFIGURATION,
            "active": True,
            "application": None,
            "business_profile": profile,
            "created": world.now(),
            "default_return_url": params.get("default_return_url") or None,
            "features": _merge(_default_features(), params["features"]),
            "is_default": default,
            "livemode": False,
            "login_page": {"enabled": False, "url": None},
            "metadata": merged({}, params.get("metadata")),
            "name": params.get("name") or None,
            "updated": world.now(),
        }
    )
    world.emit("billing_portal.configuration.created", configuration)
    return configuration


def _default_features() -> Obj:
    """Stripe's defaults: cards can be changed, plans cannot."""
    return {
        "customer_update": {"allowed_updates": ["address", "tax_id"], "enabled": True},
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True, "payment_method_configuration": None},
        "subscription_cancel": {
            "cancellation_reason": {"enabled": False, "feedback_options": None, "options": []},
            "enabled": False,
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_pause": {"duration": {"interval_options": [], "type": "indefinite"}, "enabled": False},
        "subscription_update": {
            "billing_cycle_anchor": None,
            "default_allowed_updates": [],
            "enabled": False,
            "products": None,
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    }


def _merge(old: Obj, given: Obj) -> Obj:
    """`old` with the values of `given`, merged at any depth."""
    new = dict(old)
    for name, value in given.items():
        nested = isinstance(value, dict) and isinstance(old.get(name), dict)
        new[name] = _merge(old[name], value) if nested else value
    return new
