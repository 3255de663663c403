"""`/v1/billing_portal`: sessions and configurations. The page is `pages/customer_portal`."""

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
    return _configuration(world, params, default=not world.all(CONFIGURATION))


@route("POST", "/v1/billing_portal/configurations/{ident}", ConfigurationUpdateParams)
def reconfigure(world: World, params: Obj, ident: str) -> Obj:
    found = world.get(CONFIGURATION, ident)
    with world.edit(found, "billing_portal.configuration.updated"):
        found.update(given_fields(params, "active", "default_return_url", "name"))
        found["business_profile"] = {**found["business_profile"], **(params.get("business_profile") or {})}
        found["features"] = _over(found["features"], params.get("features") or {})
        found["metadata"] = merged(found["metadata"], params.get("metadata"))
        found["updated"] = world.now()
    return found


@route("POST", "/v1/billing_portal/sessions", SessionCreateParams)
def create(world: World, params: Obj) -> Obj:
    allow_only(params, "customer", "configuration", "flow_data", "locale", "return_url")
    if "customer" not in params:
        raise missing_param("customer")
    customer = get_active_customer(world, params["customer"], "customer")
    rules = _rules(world, params.get("configuration"))
    token = ids.token(48)
    made = world.add(
        {
            "id": world.new_id("bps"),
            "object": SESSION,
            "configuration": rules["id"],
            "created": world.now(),
            "customer": customer["id"],
            "customer_account": None,
            "flow": _flow(rules, params.get("flow_data")),
            "livemode": False,
            "locale": params.get("locale"),
            "on_behalf_of": None,
            "return_url": params.get("return_url") or rules["default_return_url"],
            "url": world.url(f"/p/session/{token}"),
            "_token": token,
        }
    )
    world.emit("billing_portal.session.created", made)
    return made


def _rules(world: World, identifier: str | None) -> Obj:
    """The configuration named, else the default one, made when there is none."""
    if identifier:
        return world.get(CONFIGURATION, identifier, "configuration")
    found = world.all(CONFIGURATION, is_default=True, active=True)
    return found[0] if found else _configuration(world, {"features": {}}, default=True)


def _flow(rules: Obj, given: Obj | None) -> Obj | None:
    if not given:
        return None
    if given["type"] != "payment_method_update":
        raise invalid("The stand-in's portal knows the flow payment_method_update only.", param="flow_data[type]")
    if not rules["features"]["payment_method_update"]["enabled"]:
        raise invalid("Payment method updates are off in this configuration.", param="flow_data[type]")
    after = given.get("after_completion") or {"type": "portal_homepage"}
    made: Obj = {"hosted_confirmation": None, "redirect": None, "type": after["type"]}
    if after["type"] == "redirect":
        if "redirect" not in after:
            raise missing_param("flow_data[after_completion][redirect]")
        made["redirect"] = after["redirect"]
    elif after["type"] == "hosted_confirmation":
        made["hosted_confirmation"] = {"custom_message": None, **(after.get("hosted_confirmation") or {})}
    names = ("customer_update", "subscription_cancel", "subscription_pause", "subscription_update")
    nothing: dict[str, Any] = dict.fromkeys((*names, "subscription_update_confirm"))
    return {**nothing, "after_completion": made, "type": given["type"]}


def _configuration(world: World, params: Obj, *, default: bool) -> Obj:
    profile = {**dict.fromkeys(LINKS), **(params.get("business_profile") or {})}
    made = world.add(
        {
            "id": world.new_id("bpc"),
            "object": CONFIGURATION,
            "active": True,
            "application": None,
            "business_profile": profile,
            "created": world.now(),
            "default_return_url": params.get("default_return_url") or None,
            "features": _over(_features(), params["features"]),
            "is_default": default,
            "livemode": False,
            "login_page": {"enabled": False, "url": None},
            "metadata": merged({}, params.get("metadata")),
            "name": params.get("name") or None,
            "updated": world.now(),
        }
    )
    world.emit("billing_portal.configuration.created", made)
    return made


def _features() -> Obj:
    """Stripe's default: cards can be changed, plans cannot."""
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


def _over(old: Obj, given: Obj) -> Obj:
    """`old` with what `given` names replaced, at any depth."""
    new = dict(old)
    for name, value in given.items():
        nested = isinstance(value, dict) and isinstance(old.get(name), dict)
        new[name] = _over(old[name], value) if nested else value
    return new
