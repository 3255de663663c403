"""Examples for the API reference; a test decodes each into its struct."""

from __future__ import annotations

from typing import Any

from app.statements.ahead import METHOD

QUOTE = {
    "charge": {"model": "per_unit", "currency": "USD", "properties": {"unit_amount": "0.01"}},
    "quantity": "1250",
    "allowance": "1000",
}
QUOTED = {
    "model": "per_unit",
    "currency": "USD",
    "quantity": "1250",
    "included": "1000",
    "excess": "250",
    "units": "250",
    "amount": 250,
    "exact_amount": "2.5",
    "lines": [
        {
            "from": "0",
            "to": None,
            "quantity": "250",
            "blocks": "250",
            "unit_amount": "0.01",
            "flat_amount": "0",
            "subtotal": "2.5",
        }
    ],
    "minimum": None,
    "maximum": None,
}
CURRENT: dict[str, Any] = {
    "plan": {"key": "pro", "name": "Pro", "version": 1, "interval": "month", "fee": 4900},
    "period": {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z", "time_zone": "UTC"},
    "currency": "USD",
    "as_of": "2026-11-21T12:00:00Z",
    "meters": [
        {
            "meter": "api_calls",
            "name": "API calls",
            "unit": "call",
            "aggregation": "sum",
            "policy": "charge",
            "used": "50250",
            "imported": "0",
            "reserved": "0",
            "allowance": "50000",
            "limit": "50000",
            "cap": None,
            "cap_source": "plan",
            "remaining": "0",
            "percent": 100,
            "state": "over",
            "cost": 250,
            "exact_cost": "2.5",
            "next_unit_price": "0.01",
            "projected_use": "73536",
            "projected_low": "66210",
            "projected_high": "80862",
            "projection_basis": "weekdays",
            "projected_cost": 23536,
            "reaches_limit_at": None,
            "windows": [{"span": "day", "limit": "5000", "used": "320", "resets_at": "2026-11-22T00:00:00Z"}],
        }
    ],
    "fee_due": 4900,
    "usage_cost": 250,
    "exact_usage_cost": "2.5",
    "cost": 5150,
    "projected_cost": 28436,
    "method": METHOD,
}
_TOTALS = [{"meter": "api_calls", "name": "API calls", "unit": "call", "used": "50250", "events": 50250}]
_MONTH = {
    "month": "2026-11-01",
    "meters": _TOTALS,
    "usage_cost": [{"currency": "USD", "amount": 250}],
    "plan": "pro",
    "plan_changed": False,
}
HISTORY = {"months": [_MONTH], "as_of": "2026-11-21T12:00:00Z"}
SUMMARY = {
    "month": "2026-11-01",
    "meters": _TOTALS,
    "lifetime": _TOTALS,
    "latest_events": [
        {
            "id": "0199f1f0-8f3a-7c1e-9d5b-3b6c2f1a0e11",
            "meter": "api_calls",
            "quantity": "1",
            "occurred_at": "2026-11-21T11:59:58Z",
            "recorded_at": "2026-11-21T11:59:58.018231Z",
            "kind": "scan",
            "billable": True,
        }
    ],
    "trend": [_MONTH],
    "as_of": "2026-11-21T12:00:00Z",
}
