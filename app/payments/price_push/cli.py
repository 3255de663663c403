"""`flask catalog push`: what the catalogue sells, brought to Stripe."""

from __future__ import annotations

import json
import sys

import click

from app.kit.errors import DomainError
from app.kit.money import exponent, plain, to_major
from app.payments.gateway import get_gateway, payments_on
from app.payments.price_push.push import DIFFERS, FOUND, KEPT, MADE, PushedPrice, push_catalog
from app.web.runtime import business_now

_SIGNS = {KEPT: " ", FOUND: "~", MADE: "+", DIFFERS: "!"}
_DONE = {KEPT: "there already", FOUND: "found by its lookup key", MADE: "made", DIFFERS: "not touched"}
_TO_DO = {KEPT: "there already", FOUND: "would be taken over by its lookup key", MADE: "would be made",
          DIFFERS: "would not be touched"}  # fmt: skip


@click.command("push")
@click.option("--dry-run", is_flag=True, help="Show what would happen, and ask Stripe only.")
@click.option("--json", "as_json", is_flag=True, help="Print the prices as JSON.")
def push_prices(*, dry_run: bool, as_json: bool) -> None:
    """Bring the products and prices of every live plan to Stripe, and print what happened to each.

    Prices are found by lookup key (tollkeeper_<plan>_v<version>_<interval>_<currency>) before they are made, so that
    repeating it, or going on after a crash, changes nothing. Free plans and plans by agreement are left out. Exit 1
    when Stripe has something else under one of our keys.

    Example: flask catalog push --dry-run
    """
    words = _TO_DO if dry_run else _DONE
    if not payments_on():
        raise click.ClickException("Payments are off: set STRIPE_SECRET_KEY.")
    found: list[PushedPrice] = []
    try:
        for each in push_catalog(get_gateway(), business_now(), dry_run=dry_run):
            found.append(each)
            if not as_json:
                click.echo(_line(each, words))
    except DomainError as failed:
        raise click.ClickException(f"{failed.detail} What was made stays; repeating it goes on from there.") from None
    if as_json:
        click.echo(json.dumps({"applied": not dry_run, "prices": [_facts(each) for each in found]}))
    elif not found:
        click.echo("no plan has a price to be paid at Stripe")
    sys.exit(1 if any(each.did == DIFFERS for each in found) else 0)


def _line(each: PushedPrice, words: dict[str, str]) -> str:
    sold = each.sold
    price = f"{plain(to_major(sold.amount, exponent(sold.currency)))} {sold.currency} a {sold.interval}"
    tail = f" ({each.price_id})" if each.price_id else f" ({each.why})" if each.why else ""
    return f"{_SIGNS[each.did]} {sold.lookup_key}: {price}, {words[each.did]}{tail}"


def _facts(each: PushedPrice) -> dict[str, object]:
    sold = each.sold
    return {
        "lookup_key": sold.lookup_key,
        "amount": sold.amount,
        "currency": sold.currency,
        "interval": sold.interval,
        "did": each.did,
        "price_id": each.price_id,
        "why": each.why or None,
    }
