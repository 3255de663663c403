"""A person with a browser's cookies, or a program with a key, who times what they ask for."""

from __future__ import annotations

import re
import time
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

import psycopg

from bench.world import World, org, run

PASSWORD = "bench correct horse battery"
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Visitor:
    """Asks `base` for pages with cookies, and for calls with `key`. Every answer but 2xx raises."""

    def __init__(self, base: str, key: str = "") -> None:
        self.base, self.key = base, key
        self.jar = CookieJar()
        self.opener: OpenerDirector = build_opener(HTTPCookieProcessor(self.jar))

    def get(self, path: str) -> tuple[float, bytes]:
        """The seconds until the whole answer was here, and the answer."""
        headers = {"Authorization": f"Bearer {self.key}"} if path.startswith("/api/") else {}
        started = time.perf_counter()
        try:
            with self.opener.open(Request(self.base + path, headers=headers), timeout=120) as answer:
                body = answer.read()
        except HTTPError as refused:
            raise OSError(f"{path}: {refused.code} {refused.read()[:300]!r}") from refused
        return time.perf_counter() - started, body

    def sign_in(self, email: str) -> None:
        """Sign in through the form."""
        token = _TOKEN.search(self.get("/sign-in")[1].decode())
        assert token, "the sign-in form has no token"
        sent = urllib.parse.urlencode({"csrf_token": token[1], "email": email, "password": PASSWORD}).encode()
        asked = Request(f"{self.base}/sign-in", data=sent, headers={"Referer": self.base, "Origin": self.base})
        with self.opener.open(asked, timeout=120) as answer:
            assert "/sign-in" not in answer.url, "the sign-in was refused"

    def cookies(self) -> str:
        """The `Cookie` header that a load generator sends in this person's place."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.jar)


def owner(world: World, base: str) -> Visitor:
    """The owner of the org with the most events, who has its key too."""
    run("flask", "--app", "wsgi", "accounts", "create-user", "owner@example.com", "--verified", "--password", PASSWORD)
    with psycopg.connect(world.url, autocommit=True) as connection:
        connection.execute("UPDATE memberships SET org_id = %s", [org(1)])
    return _signed_in(base, "owner@example.com", world.keys[0])


def staff(base: str) -> Visitor:
    """One of the staff."""
    run("flask", "--app", "wsgi", "accounts", "create-user", "staff@example.com", "--staff", "--verified",
        "--password", PASSWORD)  # fmt: skip
    return _signed_in(base, "staff@example.com", "")


def _signed_in(base: str, email: str, key: str) -> Visitor:
    visitor = Visitor(base, key)
    visitor.sign_in(email)
    return visitor
