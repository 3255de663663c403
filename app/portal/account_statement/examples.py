"""Example of the statement of account for the API reference; a test decodes it into its struct."""

from __future__ import annotations

from typing import Any

STATEMENT: dict[str, Any] = {
    "from": "2026-11-01",
    "to": "2026-11-30",
    "time_zone": "Europe/Berlin",
    "accounts": [
        {
            "currency": "USD",
            "opening_balance": 0,
            "charges": 4900,
            "payments": -4900,
            "credits": -600,
            "refunds": 0,
            "written_off": 0,
            "adjustments": 0,
            "closing_balance": -600,
            "movements": [
                {
                    "id": "in_1QxT2c",
                    "at": "2026-11-01T01:00:00Z",
                    "kind": "charge",
                    "event": "invoice",
                    "description": "Invoice TK-0002",
                    "number": "TK-0002",
                    "amount": 4900,
                    "balance": 4900,
                },
                {
                    "id": "inpay_1QxT2d",
                    "at": "2026-11-01T01:00:02Z",
                    "kind": "payment",
                    "event": "paid",
                    "description": "Payment of invoice TK-0002, Visa 4242",
                    "number": "TK-0002",
                    "amount": -4900,
                    "balance": 0,
                },
                {
                    "id": "cn_1QxT2e",
                    "at": "2026-11-09T14:20:00Z",
                    "kind": "credit",
                    "event": "credit_note",
                    "description": "Credit note TK-0002-CN-01 on invoice TK-0002",
                    "number": "TK-0002-CN-01",
                    "amount": -600,
                    "balance": -600,
                },
            ],
        }
    ],
}
