"""A checkout session and its lines, with every field in Stripe's description. Pure."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]


def session(ident: str, now: int, *, mode: str, expires_at: int, **more: Any) -> Obj:
    """An open session. `more` overrides any field."""
    return {
        "id": ident,
        "object": "checkout.session",
        "after_expiration": None,
        "client_reference_id": None,
        "created": now,
        "expires_at": expires_at,
        "integration_identifier": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": {},
        "mode": mode,
        "origin_context": None,
        "payment_link": None,
        "recovered_from": None,
        "status": "open",
        **_sums(mode),
        **_buyer(),
        **_payment(mode),
        **_results(),
        **_page(),
        **more,
    }


def _sums(mode: str) -> Obj:
    """Totals before any line; a setup session has neither discounts nor totals."""
    return {
        "adaptive_pricing": {"enabled": False},
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "currency": None,
        "currency_conversion": None,
        "discounts": None if mode == "setup" else [],
        "shipping_cost": None,
        "total_details": None if mode == "setup" else {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
    }


def _buyer() -> Obj:
    return {
        "collected_information": {"business_name": None, "individual_name": None, "shipping_details": None},
        "consent": None,
        "customer": None,
        "customer_account": None,
        "customer_creation": None,
        "customer_details": None,
        "customer_email": None,
    }


def _payment(mode: str) -> Obj:
    """How the session may be paid; initially it is not."""
    return {
        "allowed_payment_method_types": None,
        "payment_method_collection": "always" if mode == "subscription" else None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "no_payment_required" if mode == "setup" else "unpaid",
        "saved_payment_method_options": None,
    }


def _results() -> Obj:
    """The objects that the session creates."""
    return {
        "invoice": None,
        "invoice_creation": None,
        "payment_intent": None,
        "setup_intent": None,
        "subscription": None,
    }


_NO_SECRET = {"client_secret": None}  # nosec B105  # hosted pages have none


def _page() -> Obj:
    """What the page shows and asks, and where it leads."""
    return {
        "allow_promotion_codes": None,
        "billing_address_collection": None,
        "cancel_url": None,
        **_NO_SECRET,
        "consent_collection": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "locale": None,
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "shipping_address_collection": None,
        "shipping_options": [],
        "submit_type": None,
        "success_url": None,
        "ui_mode": "hosted_page",
        "url": None,
        "wallet_options": None,
    }


def line(ident: str, price: Obj, quantity: int, description: str) -> Obj:
    """A line of a session."""
    amount = int(price["unit_amount"] or 0) * quantity
    return {
        "id": ident,
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": description,
        "metadata": {},
        "price": price,
        "quantity": quantity,
    }


def customer_details(customer: Obj | None, email: str | None, name: str | None) -> Obj:
    """The buyer's details: from the customer, else as typed on the page."""
    known = customer or {}
    return {
        "address": known.get("address"),
        "business_name": None,
        "email": known.get("email") or email,
        "individual_name": None,
        "name": known.get("name") or name,
        "phone": known.get("phone"),
        "tax_exempt": known.get("tax_exempt") or "none",
        "tax_ids": [],
    }
