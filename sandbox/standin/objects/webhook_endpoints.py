"""`/v1/webhook_endpoints`, and the endpoint that every run starts with."""

from __future__ import annotations

from typing import Any

from stripe.params import (
    WebhookEndpointCreateParams,
    WebhookEndpointListParams,
    WebhookEndpointRetrieveParams,
    WebhookEndpointUpdateParams,
)

from sandbox.standin import API_VERSION
from sandbox.standin.engine.metadata import merged
from sandbox.standin.errors import invalid
from sandbox.standin.objects import lists
from sandbox.standin.routes import route
from sandbox.standin.store import ids
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

OWN_ENDPOINT = "we_sandbox"

lists.add_list("webhook_endpoint", "/v1/webhook_endpoints", WebhookEndpointListParams)
lists.add_retrieve("webhook_endpoint", "/v1/webhook_endpoints", WebhookEndpointRetrieveParams)


def ensure(world: World, url: str, secret: str) -> Obj:
    """Ensure that the run's own endpoint exists, for events of every type."""
    with world.change():
        endpoint = world.find(OWN_ENDPOINT)
        if endpoint is None:
            return world.add(_build_endpoint(world, OWN_ENDPOINT, url, ["*"], secret))
        endpoint.update(url=url, _secret=secret, status="enabled")
        return world.save(endpoint)


@route("POST", "/v1/webhook_endpoints", WebhookEndpointCreateParams)
def create(world: World, params: Obj) -> Obj:
    version = params.get("api_version", API_VERSION)
    if version != API_VERSION:
        raise invalid(f"This stand-in supports only {API_VERSION}.", param="api_version")
    secret = f"whsec_{ids.token(32)}"
    endpoint = _build_endpoint(world, world.new_id("we"), params["url"], params["enabled_events"], secret)
    endpoint["description"] = params.get("description") or None
    endpoint["metadata"] = merged({}, params.get("metadata"))
    return {**world.add(endpoint), "secret": secret}


@route("POST", "/v1/webhook_endpoints/{ident}", WebhookEndpointUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    endpoint = world.get("webhook_endpoint", ident)
    changed: dict[str, Any] = {name: params[name] for name in ("url", "enabled_events") if name in params}
    if "description" in params:
        changed["description"] = params["description"] or None
    if "disabled" in params:
        changed["status"] = "disabled" if params["disabled"] else "enabled"
    endpoint.update(changed, metadata=merged(endpoint["metadata"], params.get("metadata")))
    return world.save(endpoint)


@route("DELETE", "/v1/webhook_endpoints/{ident}")
def delete(world: World, _params: Obj, ident: str) -> Obj:
    world.remove(world.get("webhook_endpoint", ident))
    return {"id": ident, "object": "webhook_endpoint", "deleted": True}


def _build_endpoint(world: World, identifier: str, url: str, types: list[str], secret: str) -> Obj:
    return {
        "id": identifier,
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "application": None,
        "created": world.now(),
        "description": None,
        "enabled_events": types,
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
        "_secret": secret,
    }
