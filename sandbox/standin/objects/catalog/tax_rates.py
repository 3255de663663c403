"""`/v1/tax_rates`: percentages, on top of prices or part of them."""

from __future__ import annotations

from stripe.params import TaxRateCreateParams, TaxRateListParams, TaxRateRetrieveParams, TaxRateUpdateParams

from sandbox.standin.engine.metadata import merged
from sandbox.standin.objects import lists
from sandbox.standin.objects.params import allow_only, given_fields
from sandbox.standin.routes import route
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

URL = "/v1/tax_rates"
TEXTS = ("country", "description", "jurisdiction", "state", "tax_type")

lists.add_retrieve("tax_rate", URL, TaxRateRetrieveParams)
lists.add_list("tax_rate", URL, TaxRateListParams, "active", "inclusive")


@route("POST", URL, TaxRateCreateParams)
def create(world: World, params: Obj) -> Obj:
    """Create a rate; percentage and kind never change."""
    allow_only(params, *TEXTS, "display_name", "percentage", "inclusive", "active", "metadata")
    percentage = float(params["percentage"])
    rate = world.add(
        {
            "id": world.new_id("txr"),
            "object": "tax_rate",
            "active": params.get("active", True),
            "created": world.now(),
            "display_name": params["display_name"],
            "effective_percentage": percentage,
            "flat_amount": None,
            "inclusive": params["inclusive"],
            "jurisdiction_level": None,
            "livemode": False,
            "metadata": merged({}, params.get("metadata")),
            "percentage": percentage,
            "rate_type": "percentage",
            **{name: params.get(name) for name in TEXTS},
        }
    )
    world.emit("tax_rate.created", rate)
    return rate


@route("POST", URL + "/{ident}", TaxRateUpdateParams)
def update(world: World, params: Obj, ident: str) -> Obj:
    """Change texts, metadata and whether it is offered."""
    allow_only(params, *TEXTS, "display_name", "active", "metadata")
    rate = world.get("tax_rate", ident)
    with world.edit(rate, "tax_rate.updated"):
        rate.update(given_fields(params, *TEXTS, "display_name", "active"))
        rate["metadata"] = merged(rate["metadata"], params.get("metadata"))
    return rate
