"""A customer without a browser who buys Pro over HTTP, and does what people do when a page does not come: again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from random import Random
from urllib.parse import urljoin, urlsplit

import requests

from tests.standin import GOOD_CARD
from tests.standin_visit import Visit

PLAN = "/billing/upgrade/pro"
STEPS = ("asking", "opening", "paying", "paid", "returning", "told")
_TOKEN = re.compile(r'name="csrf_token"[^>]* value="([^"]+)"')
_FIELD = re.compile(r'name="(interval|currency|version|csrf_token)"[^>]* value="([^"]*)"')


class Lost(Exception):
    """The page that was hoped for did not come."""


class Buyer:
    """One owner of an org; `reached` is told of each step. The choices of a person are the seed's."""

    def __init__(self, base: str, stripe: str, email: str, password: str, chance: Random) -> None:
        self.base, self.stripe, self.email, self.password = base, stripe, email, password
        self.chance = chance
        self.reached: Callable[[str], None] = lambda _step: None
        self.http = requests.Session()
        self.troubles: list[str] = []
        self.held: dict[str, str] = {}

    def sign_in(self) -> None:
        """Through the form."""
        token = _TOKEN.search(self.get("/sign-in"))
        assert token
        sent = {"csrf_token": token[1], "email": self.email, "password": self.password}
        assert self.post("/sign-in", sent).status_code == 303

    def buy(self, seconds: float) -> float:
        """Try until the portal says that the plan is there; how long it took. `TimeoutError` when it never did."""
        begun = time.monotonic()
        while not self._try():
            if time.monotonic() - begun > seconds:
                raise TimeoutError(f"{self.email} has no Pro after {seconds:g} s: {self.troubles[-8:]}")
            time.sleep(0.3)
        self.reached("told")
        return time.monotonic() - begun

    def has_pro(self) -> bool:
        """Whether the billing page says so."""
        return bool(re.search(r'card-figure">Pro\b', self.get("/billing")))

    def get(self, path: str) -> str:
        """A page; `Lost` when it does not come."""
        return self._page(self.http.get(urljoin(self.base, path), allow_redirects=False, timeout=10)).text

    def post(self, path: str, fields: dict[str, str]) -> requests.Response:
        """What a form answers."""
        return self.http.post(urljoin(self.base, path), fields, allow_redirects=False, timeout=10)

    def form(self, path: str) -> dict[str, str]:
        """What the page's form would send; kept in `held`."""
        self.held = dict(_FIELD.findall(self.get(path)))
        return self.held

    def press(self) -> requests.Response:
        """Look at the plan's page and press its button."""
        held = self.form(PLAN)
        self.reached("opening")
        return self.post(PLAN, held)

    def _try(self) -> bool:
        """From the plan's page on, as far as it goes."""
        try:
            self.reached("asking")
            if self.has_pro():
                return True
            answer = self.press()
            if answer.status_code != 303:
                raise Lost(f"{answer.status_code} to the press")
            where = answer.headers["Location"]
            return self._come_back(self._pay(where)) if where.startswith(self.stripe) else self.has_pro()
        except (requests.RequestException, Lost) as trouble:
            self.troubles.append(str(trouble) if isinstance(trouble, Lost) else type(trouble).__name__)
            return False

    def _pay(self, where: str) -> str:
        self.reached("paying")
        visit = Visit(self.stripe)
        visit.open(where)
        if not visit.has("pay"):
            raise Lost("the payment page is closed")
        visit.submit("pay", number=GOOD_CARD, expiry="12 / 34", cvc="123", name="Asa Ek")
        self.reached("paid")
        if visit.location is None:
            raise Lost("Stripe leads nowhere")
        return visit.location

    def _come_back(self, where: str) -> bool:
        """Look at the return page some times; some people close the window at once, or begin anew."""
        if self.chance.random() < 0.25:
            return False
        for _ in range(self.chance.randint(1, 20)):
            self.reached("returning")
            if "You are on Pro" in self.get(where):
                return True
            time.sleep(0.3)
        return False

    @staticmethod
    def _page(answer: requests.Response) -> requests.Response:
        if answer.status_code != 200:
            raise Lost(f"{answer.status_code} at {urlsplit(answer.url).path}")
        return answer
