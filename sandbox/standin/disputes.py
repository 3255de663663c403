"""`/v1/disputes`: read only; a test card opens them."""

from __future__ import annotations

from stripe.params import DisputeListParams, DisputeRetrieveParams

from sandbox.standin import lists

URL = "/v1/disputes"

lists.several("dispute", URL, DisputeListParams, "charge", "payment_intent")
lists.one("dispute", URL, DisputeRetrieveParams)
