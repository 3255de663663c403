"""Charges a customer's invoices and subscriptions to the card chosen last, in whatever order Stripe's events arrive.

Checkout sets a card on the subscription, which takes precedence over the customer's. Stripe's portal changes the
customer's, and a checkout that only saves a card changes neither. So the two can differ, and neither the events'
arrival nor the objects tell which is newer. Stripe's log of events does: what was chosen last there is set everywhere.

Setting a card is idempotent, so every call gets its own key: under a fixed key Stripe would replay its own failure
(500) for a day. The keys' beginning tells our copies of a choice from choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from app.kit.ids import new_hex
from app.payments.mirrors.retrieve import Retrieved, late_invoices
from app.stripe_gateway import Gateway, customers, subscriptions
from app.stripe_gateway.card_choices import list_card_choices
from app.stripe_gateway.types import Card, CardChoice, Customer, RemoteSubscription
from app.subscriptions.sync_from_stripe import OVER

_COPY = "copy-card-"


def set_default_payment_method(gw: Gateway, customer_id: str, card_id: str) -> Customer:
    """Charge the customer's invoices to this card; returns the updated customer."""
    return customers.set_default_card(gw, customer_id, card_id, key=f"{_COPY}{new_hex()}")


def align_cards(
    gw: Gateway, customer: Customer, remotes: Sequence[RemoteSubscription], *, saved: Card | None = None
) -> tuple[Customer, tuple[RemoteSubscription, ...]]:
    """Charge the customer and its running subscriptions to the card chosen last; returns them, updated if need be.

    `saved` is a card that a checkout has just saved and that is in no place yet. A subscription without a card of its
    own is charged to its customer's.
    """
    candidates = _list_candidates(customer, remotes, saved)
    if customer.deleted or not candidates:
        return customer, tuple(remotes)
    chosen_id = _find_last_choice(gw, customer.id, candidates)
    if customer.card is None or customer.card.id != chosen_id:
        customer = set_default_payment_method(gw, customer.id, chosen_id)
    return customer, tuple(_use_card(gw, remote, chosen_id) for remote in remotes)


def retrieve_and_align_customer(gw: Gateway, org_id: UUID, customer_id: str, *, saved: Card | None = None) -> Retrieved:
    """Retrieve a customer and its running subscriptions, mirrored or not, all charged to the card chosen last.

    Late ones come with the invoice that made them late. `saved` is as for `align_cards`. A subscription that names
    another org is left alone.
    """
    customer = customers.retrieve(gw, customer_id)
    if customer.deleted:
        return Retrieved(customer)
    remotes = subscriptions.list_for_customer(gw, customer_id)
    running = [remote for remote in remotes if remote.status not in OVER and remote.org_id in {None, org_id}]
    customer, aligned = align_cards(gw, customer, running, saved=saved)
    return Retrieved(customer, aligned, late_invoices(gw, aligned))


def align_subscription(gw: Gateway, retrieved: Retrieved) -> Retrieved:
    """Align a subscription just retrieved with its customer, whom it retrieves if that has not been done."""
    [remote] = retrieved.subscriptions
    customer = retrieved.customer or customers.retrieve(gw, remote.customer_id)
    customer, aligned = align_cards(gw, customer, [remote])
    return replace(retrieved, customer=customer, subscriptions=aligned)


def _list_candidates(customer: Customer, remotes: Sequence[RemoteSubscription], saved: Card | None) -> list[CardChoice]:
    """The cards in each place, with the earliest moment at which each can have been chosen for it."""
    cards = [card for card in (customer.card, saved) if card is not None]
    candidates = [CardChoice(card.id, card.created_at, None) for card in cards]
    for remote, card in _own_cards(remotes):
        candidates.append(CardChoice(card.id, max(card.created_at, remote.created_at), None))
    return candidates


def _own_cards(remotes: Sequence[RemoteSubscription]) -> list[tuple[RemoteSubscription, Card]]:
    return [(remote, remote.card) for remote in remotes if remote.card is not None and remote.status not in OVER]


def _find_last_choice(gw: Gateway, customer_id: str, candidates: list[CardChoice]) -> str:
    """The candidate chosen last. Stripe keeps events for thirty days; before that, the one that can be the newest."""
    newest = max(candidates, key=lambda candidate: candidate.at)
    card_ids = {candidate.card_id for candidate in candidates}
    if len(card_ids) == 1:
        return newest.card_id
    for choice in list_card_choices(gw, customer_id, newest.at):
        if choice.card_id in card_ids and not (choice.key or "").startswith(_COPY):
            return choice.card_id
    return newest.card_id


def _use_card(gw: Gateway, remote: RemoteSubscription, card_id: str) -> RemoteSubscription:
    if remote.card is None or remote.card.id == card_id or remote.status in OVER:
        return remote
    return subscriptions.set_default_card(gw, remote.id, card_id, key=f"{_COPY}{new_hex()}")
