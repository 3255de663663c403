"""`/v1/disputes`: retrieve and list; a test card opens disputes."""

from __future__ import annotations

from stripe.params import DisputeListParams, DisputeRetrieveParams

from sandbox.standin.objects import lists

URL = "/v1/disputes"

lists.add_list("dispute", URL, DisputeListParams, "charge", "payment_intent")
lists.add_retrieve("dispute", URL, DisputeRetrieveParams)
