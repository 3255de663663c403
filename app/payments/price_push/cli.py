"""`flask catalog push`: pushes the catalogue's prices to Stripe."""

from __future__ import annotations

import json
import sys

import click

from app.kit.errors import DomainError
from app.kit.money import exponent, plain, to_major
from app.payments.gateway import get_gateway, payments_on
from app.payments.price_push.push import ACTIVATED, CREATED, DIFFERS, FOUND, KEPT, PushedPrice, push_catalog
from app.web.runtime import business_now

_SIGNS = {KEPT: " ", FOUND: "~", CREATED: "+", ACTIVATED: "+", DIFFERS: "!"}
_DONE = {KEPT: "up to date", FOUND: "found by its lookup key", CREATED: "created",
         ACTIVATED: "was archived at Stripe, on sale again", DIFFERS: "not changed"}  # fmt: skip
_PLANNED = {KEPT: "up to date", FOUND: "would be adopted by its lookup key", CREATED: "would be created",
        ACTIVATED: "is archived at Stripe, would be on sale again", DIFFERS: "would not be changed"}  # fmt: skip


@click.command("push")
@click.option("--dry-run", is_flag=True, help="Show what would change; only read from Stripe.")
@click.option("--json", "as_json", is_flag=True, help="Print the prices as JSON.")
def push_prices(*, dry_run: bool, as_json: bool) -> None:
    """Push the products and prices of every live plan to Stripe, and print the outcome for each.

    Prices are looked up by key (tollkeeper_<plan>_v<version>_<interval>_<currency>) before they are created, so it is
    safe to repeat, also after a crash. Free and custom plans are skipped. Exits 1 when Stripe has a different price
    under one of our keys.

    Example: flask catalog push --dry-run
    """
    words = _PLANNED if dry_run else _DONE
    if not payments_on():
        raise click.ClickException("Payments are off: set STRIPE_SECRET_KEY.")
    prices: list[PushedPrice] = []
    try:
        for pushed in push_catalog(get_gateway(), business_now(), dry_run=dry_run):
            prices.append(pushed)
            if not as_json:
                click.echo(_render_line(pushed, words))
    except DomainError as failed:
        raise click.ClickException(
            f"{failed.detail} Prices created so far are kept; run it again to continue."
        ) from None
    if as_json:
        click.echo(json.dumps({"applied": not dry_run, "prices": [_build_json(pushed) for pushed in prices]}))
    elif not prices:
        click.echo("no plan has a price to push")
    sys.exit(1 if any(pushed.outcome == DIFFERS for pushed in prices) else 0)


def _render_line(pushed: PushedPrice, words: dict[str, str]) -> str:
    selection = pushed.selection
    price = (
        f"{plain(to_major(selection.amount, exponent(selection.currency)))} {selection.currency} a {selection.interval}"
    )
    tail = f" ({pushed.price_id})" if pushed.price_id else f" ({pushed.why})" if pushed.why else ""
    return f"{_SIGNS[pushed.outcome]} {selection.lookup_key}: {price}, {words[pushed.outcome]}{tail}"


def _build_json(pushed: PushedPrice) -> dict[str, object]:
    selection = pushed.selection
    return {
        "lookup_key": selection.lookup_key,
        "amount": selection.amount,
        "currency": selection.currency,
        "interval": selection.interval,
        "did": pushed.outcome,
        "price_id": pushed.price_id,
        "why": pushed.why or None,
    }
