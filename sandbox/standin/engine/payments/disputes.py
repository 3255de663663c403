"""Opens a dispute a minute after a payment with the dispute test card."""

from __future__ import annotations

from typing import Any

from sandbox.standin.store.schedule import scheduled
from sandbox.standin.store.sqlite import Obj
from sandbox.standin.store.world import World

AFTER_S, ANSWER_IN_S = 60, 14 * 86_400
EVIDENCE_FIELDS = (
    "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
    "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
    "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier",
    "shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file", "uncategorized_text",
)  # fmt: skip


def schedule_dispute(world: World, charge: Obj) -> None:
    """Schedule a dispute of the charge."""
    world.schedule(world.now() + AFTER_S, "open_dispute", charge=charge["id"])


@scheduled("open_dispute")
def open_dispute(world: World, charge: str) -> None:
    """Open the dispute; the bank withdraws the money at once. It names only the charge and its payment intent."""
    row = world.get("charge", charge)
    with world.edit(row, "charge.updated"):
        row["disputed"] = True
    dispute = world.add(_build_dispute(world, row))
    world.emit("charge.dispute.created", dispute)
    world.emit("charge.dispute.funds_withdrawn", dispute)


def _build_dispute(world: World, charge: Obj) -> Obj:
    now, brand = world.now(), charge["payment_method_details"]["card"]["brand"]
    evidence: dict[str, Any] = {**dict.fromkeys(EVIDENCE_FIELDS), "enhanced_evidence": {}}
    details = {"due_by": now + ANSWER_IN_S, "enhanced_eligibility": {}, "has_evidence": False, "past_due": False}
    card = {"brand": brand, "case_type": "chargeback", "network": brand, "network_reason_code": "10.4"}
    return {
        "id": world.new_id("du"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": evidence,
        "evidence_details": {**details, "submission_count": 0, "submission_method": "not_submitted"},
        "intended_submission_method": None,
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {"card": card, "type": "card"},
        "reason": "fraudulent",
        "status": "needs_response",
    }
