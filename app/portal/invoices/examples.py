"""Examples of the API of usage invoices for the API reference; a test decodes each into its struct."""

from __future__ import annotations

from typing import Any

_LINE: dict[str, Any] = {
    "id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e31",
    "meter": "api_calls",
    "kind": "usage",
    "name": "API calls",
    "unit": "call",
    "plan": {"key": "pro", "name": "Pro", "version": 1},
    "period": {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"},
    "quantity": "60000",
    "included": "50000",
    "excess": "10000",
    "imported": "0",
    "events": 412,
    "amount": 2000,
    "discount": 0,
    "net_amount": 2000,
    "exact_amount": "20",
    "currency": "USD",
}
INVOICE: dict[str, Any] = {
    "id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e30",
    "kind": "renewal",
    "state": "final",
    "number": "TK-0002",
    "status": "paid",
    "currency": "USD",
    "usage_amount": 2000,
    "usage_discount": 0,
    "total": 6900,
    "amount_due": 0,
    "due_at": None,
    "hosted_url": "https://invoice.stripe.com/i/acct_1/test_a1b2c3",
    "pdf_url": "https://pay.stripe.com/invoice/acct_1/test_a1b2c3/pdf",
    "created_at": "2026-12-01T00:05:00Z",
    "lines": [_LINE],
    "credit_notes": [
        {
            "id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e40",
            "state": "issued",
            "number": "TK-0002-CN-01",
            "currency": "USD",
            "amount": 60,
            "due_amount": 0,
            "refund_amount": 60,
            "balance_amount": 0,
            "pdf_url": "https://pay.stripe.com/credit_notes/acct_1/test_a1b2c3/pdf",
            "created_at": "2027-01-01T01:00:00Z",
            "issued_at": "2027-01-01T01:00:04Z",
            "lines": [
                {
                    "id": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e41",
                    "credits_line": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e31",
                    "meter": "api_calls",
                    "name": "API calls, corrected usage",
                    "period": {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"},
                    "quantity": "-300",
                    "amount": 60,
                }
            ],
        }
    ],
}
INVOICES = {"invoices": [INVOICE], "next": None}
LATE_USAGE = {
    "events": [
        {
            "id": "scan-9-page-1",
            "meter": "api_calls",
            "quantity": "12",
            "occurred_at": "2026-11-29T22:10:00Z",
            "recorded_at": "2026-12-02T08:00:00Z",
            "source": "api",
            "voids": None,
            "reason": None,
            "period": {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"},
            "closed_at": "2026-12-01T01:00:00Z",
            "line": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e51",
            "amount": 24,
            "currency": "USD",
            "invoice": "0199e7a0-5a3c-7cc0-9c1b-6f0f5c9d4e52",
            "invoice_number": "TK-0003",
            "credit_note": None,
            "standing": "Invoice TK-0003",
        }
    ],
    "next": None,
}
EXPLANATION = {
    "line": _LINE,
    "formula": ["Each charged call costs the same.", "The amount is calculated exactly and rounded once, at the end."],
    "units": "10000",
    "steps": [
        {
            "from": "0",
            "to": None,
            "quantity": "10000",
            "blocks": "10000",
            "unit_amount": "0.002",
            "flat_amount": "0",
            "subtotal": "20",
        }
    ],
    "minimum": None,
    "maximum": None,
    "rated_by": {
        "policy": "charge",
        "allowance": "50000",
        "hard_limit": None,
        "cap": None,
        "sources": {},
        "model": "per_unit",
        "properties": {"unit_amount": "0.002"},
    },
}
LINE_EVENTS = {
    "events": [
        {
            "id": "scan-7-page-3",
            "occurred_at": "2026-11-21T09:30:00Z",
            "recorded_at": "2026-11-21T09:30:01Z",
            "source": "api",
            "quantity": "1",
            "value": None,
            "counted": True,
            "reason": None,
        },
        {
            "id": "scan-7-page-4",
            "occurred_at": "2026-11-21T09:31:00Z",
            "recorded_at": "2026-12-02T10:00:00Z",
            "source": "api",
            "quantity": "1",
            "value": None,
            "counted": False,
            "reason": "recorded later",
        },
    ],
    "next": None,
}
