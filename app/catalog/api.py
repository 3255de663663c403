"""GET /plans: the plans on offer."""

from __future__ import annotations

from app.catalog import queries
from app.catalog.api_schemas import PlansAnswer, PlansQuery, build_offered_plan
from app.web.api import Api
from app.web.database import session

api = Api("catalog", __name__)

_EXAMPLE = {
    "plans": [
        {
            "key": "pro",
            "name": "Pro",
            "summary": "For products in production.",
            "version": 1,
            "version_id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e21",
            "default": False,
            "trial_days": 14,
            "trial_overage": "block",
            "prices": [{"currency": "USD", "interval": "month", "amount": 4900}],
            "meters": [
                {
                    "meter": "api_calls",
                    "name": "API calls",
                    "unit": "call",
                    "allowance": "50000",
                    "policy": "charge",
                    "hard_limit": None,
                    "per_minute": None,
                    "per_hour": None,
                    "per_day": None,
                    "charges": [
                        {
                            "key": "call_overage",
                            "currency": "USD",
                            "model": "per_unit",
                            "properties": {"unit_amount": "0.01"},
                            "collect": "period",
                        }
                    ],
                }
            ],
            "limits": {
                "jobs_at_once": "10",
                "file_bytes": "50000000",
                "requests_per_minute": "1000",
                "retention_days": "365",
            },
            "features": [{"key": "support", "label": "Support", "value": "email"}],
        }
    ]
}


@api.operation(
    "GET",
    "/plans",
    summary="The plans on offer, with prices, allowances, limits and features",
    description="The newest version of every public plan; no API key needed. With `currency`, only plans that have a"
    " price in it. Amounts are integers in the minor unit; a null allowance or limit means unlimited.",
    query=PlansQuery,
    response=PlansAnswer,
    answer=_EXAMPLE,
)
def plans(query: PlansQuery) -> PlansAnswer:
    """List the public plans."""
    currency = query.currency and query.currency.upper()
    versions = queries.list_offered_versions(session(), currency=currency)
    return PlansAnswer([build_offered_plan(version, currency) for version in versions])
