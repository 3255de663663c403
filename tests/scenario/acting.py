"""What people and programs of an org do from outside: the owner's pages and forms, and calls with its key."""

from __future__ import annotations

import csv
import io
import re
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import text

from tests.factories import unique
from tests.pages import csrf_token, text_of
from tests.scenario.people import People
from tests.standin import GOOD_CARD
from tests.standin_visit import Visit


class Acting(People):
    """A page must be there; a form and a call answer as they answer."""

    def page(self, path: str) -> str:
        """A page as the owner reads it."""
        return text_of(self.browser().get(path))

    def press(self, path: str, **fields: str) -> Any:
        """Send a form of the billing page."""
        return self.browser().post(path, data={"csrf_token": csrf_token(self.browser(), "/billing"), **fields})

    def buys_on_pages(self, plan: str, card: str = GOOD_CARD) -> str:
        """From the upgrade page over Stripe's to the return page, which comes back."""
        path = f"/billing/upgrade/{plan}"
        answer = self.press(
            path, **dict(re.findall(r'name="(interval|currency|version)" value="([^"]*)"', self.page(path)))
        )
        assert answer.status_code == 303, answer.text[:500]
        back = self.scenario.stripe.pay(answer.headers["Location"], card).location
        assert back
        return self.page(urlsplit(back)._replace(scheme="", netloc="").geturl())

    def changes_card_on_pages(self, card: str) -> None:
        """Type another card on Stripe's page."""
        answer = self.press("/billing/card")
        assert answer.status_code == 303, answer.text[:500]
        visit = Visit(self.scenario.stripe.url)
        visit.open(answer.headers["Location"])
        visit.submit("add-card", number=card, expiry="12 / 34", cvc="123", name="Asa Ek")
        assert visit.status == 200 or visit.location, visit.text

    @cached_property
    def key(self) -> dict[str, str]:
        """The headers of its program's calls."""
        return self.api()

    def reports(self, quantity: int, meter: str = "api_calls") -> int:
        """Its program reports usage now; the status of the answer."""
        sent = {"id": unique("event"), "meter": meter, "quantity": quantity}
        return int(self.scenario.client.post("/api/v1/usage/events", json=sent, headers=self.key).status_code)

    def may_use(self, quantity: int, meter: str = "api_calls") -> bool:
        """What its program is told when it asks before."""
        sent = {"meter": meter, "quantity": quantity}
        answer = self.scenario.client.post("/api/v1/usage/check", json=sent, headers=self.key)
        return bool(answer.get_json()["allowed"])

    def reads(self, path: str) -> Any:
        """What the API answers to a read, which is allowed."""
        answer = self.scenario.client.get(f"/api/v1{path}", headers=self.key)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def cap(self, meter: str = "api_calls") -> int:
        """The quantity above which usage is refused, as the API tells it."""
        return int(self.granted(meter)["cap"])

    def granted(self, meter: str = "api_calls") -> dict[str, Any]:
        """The terms of a meter, as the API tells them."""
        found: dict[str, Any] = next(each for each in self.reads("/limits")["meters"] if each["meter"] == meter)
        return found

    def bills(self) -> list[dict[str, str]]:
        """The billing history as its file gives it, oldest first."""
        return list(csv.DictReader(io.StringIO(self.page("/billing/history.csv").lstrip("\ufeff"))))[::-1]

    def rows(self, statement: str) -> list[Any]:
        """What a statement with `:org` finds."""
        return list(self.session.execute(text(statement), {"org": self.id}))
