"""Facts for every template, as accounts gives them."""

from datetime import UTC, datetime

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
BASE = {"name": "Ada", "link": "https://billing.example/x/Zm9v", "expires_at": AT, "at": AT}
MONEY = BASE | {"org_name": "Acme & Sons", "plan": "the Pro plan"}
DUNNED = MONEY | {"free": "the Free plan", "amount": "$49.00", "limited_at": AT, "confirm": False}
INVOICED = BASE | {
    "org_name": "Acme & Sons", "number": "INV-2026-0041", "total": "$149.00", "due": "$100.00",
    "how": "Please pay by bank transfer to IBAN GB00, with the reference INV-2026-0041.",
    "issued_on": "1 December 2026", "due_on": "15 December 2026",
}  # fmt: skip
CONFIRM = {"confirm": True, "link": "https://invoice.stripe.com/i/x"}
CHANGED = BASE | {"org_name": "Acme & Sons", "was": "the Pro plan, monthly", "plan": "the Max plan, monthly"}
CONTEXTS = {
    "verify_email": BASE,
    "reset_password": BASE,
    "account_exists": BASE | {"reset_link": "https://billing.example/reset"},
    "account_changed": BASE | {"what": "Your password was changed."},
    "invitation": BASE | {"org_name": "Acme & Sons", "invited_by": "Grace", "role": "admin"},
    "new_sign_in": BASE | {"address": "198.51.100.7", "device": "Firefox on Linux"},
    "key_created": BASE
    | {"org_name": "Acme & Sons", "key_name": "prod", "key": "tk_ab…wxyz", "scopes": ["usage:write", "usage:read"]},
    "payment_failed": DUNNED,
    "payment_reminder": DUNNED,
    "grace_over": DUNNED | {"amount": None},
    "payment_recovered": MONEY | {"was_limited": True, "settled": "paid"},
    "payment_received": MONEY
    | {
        "what": "Pro plan, monthly",
        "amount": "$49.00",
        "card": "Visa ending in 4242",
        "at": AT,
        "first": True,
        "number": "TK-0002",
        "lines": [("Pro, 1 December to 1 January", "$49.00"), ("API calls: 60,000", "$100.00")],
        "more": 2,
        "discount": "-$9.80",
        "taxed": "$26.45",
        "total": "$165.65",
    },
    "invoice_issued": INVOICED
    | {"lines": [("Pro plan, monthly, 1–31 Dec 2026", "$49.00"), ("API calls: 60,000", "$100.00")], "more": 2},
    "invoice_overdue": INVOICED | {"days": 7, "partly": True},
    "invoice_payment": INVOICED | {"amount": "$49.00", "paid_on": "10 December 2026", "left": "$100.00"},
    "invoice_payment_reversed": INVOICED | {"amount": "$49.00", "paid_on": "10 December 2026", "left": "$100.00"},
    "invoice_void": INVOICED,
    "plan_changed": CHANGED
    | {
        "planned": False,
        "announced": False,
        "charged": "$25.00",
        "price": "$99.00 a month",
        "renews_at": AT,
        "dropped": "the Starter plan, monthly",
    },
    "change_planned": CHANGED | {"price": "$19.00 a month", "dropped": "the Starter plan, yearly"},
    "move_planned": CHANGED
    | {
        "at_once": False,
        "fee_at": AT,
        "usage_at": AT,
        "together": False,
        "at_stripe": True,
        "differences": [["API calls a month", "50,000", "40,000"], ["Price", "$49.00 a month", "$59.00 a month"]],
    },
    "move_undone": CHANGED | {"stays": "version 1 of the Pro plan, monthly"},
    "change_undone": CHANGED | {"stays": "the Pro plan, monthly"},
    "change_waiting": CHANGED | {"stays": "the Pro plan, monthly", "amount": "$25.00", "until": AT, "confirm": False},
    "change_lapsed": CHANGED
    | {"stays": "the Pro plan, monthly", "planned": "the Starter plan, monthly", "planned_at": AT},
    "cancel_planned": MONEY
    | {"free": "the Free plan", "ends_at": AT, "renews": False, "due": True, "dropped": "the Starter plan, monthly"},
    "cancel_undone": MONEY | {"renews_at": AT, "due": False},
    "subscription_ended": MONEY | {"free": "the Free plan", "usage": True},
    "trial_ending": MONEY | {"free": "the Free plan", "price": "$49.00 a month", "card": "Visa ending in 4242"},
    "trial_refused": MONEY | {"known": "card", "price": "$49.00 a month"},
}
