"""Who is on a plan sees the version that they are on; everybody else the newest (rule 2.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from sqlalchemy.orm import Session

from app.settings import PROJECT
from app.statements.offers import Offer, TodaysVersion, list_offers

SOLD = (PROJECT / "catalogs" / "scan_api.toml").read_text(encoding="utf-8")


def pro(offers: list[Offer]) -> Offer:
    return next(offer for offer in offers if offer.key == "pro")


def test_a_subscriber_sees_the_own_version_and_a_visitor_the_newest(fresh: Session, put: Callable[..., object]) -> None:
    put(SOLD)
    first = pro(list_offers(fresh))
    assert first.meters["api_calls"].rule.allowance == 50_000
    put(SOLD.replace("allowance = 50000", "allowance = 40000"))
    newest, own = pro(list_offers(fresh)), list_offers(fresh, first.version_id)
    assert (newest.number, newest.meters["api_calls"].rule.allowance) == (2, Decimal(40_000))
    assert replace(pro(own), today=None) == first
    assert pro(own).today == TodaysVersion(2, newest.prices)
    assert (first.today, newest.today) == (None, None)
    assert [offer.key for offer in own] == [offer.key for offer in list_offers(fresh)]
