"""A customer's browser on the stand-in's pages, by HTTP and without JavaScript."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urljoin, urlsplit

import requests


class Visit:
    """A browser without JavaScript on the stand-in's pages; stops where a page leads elsewhere."""

    def __init__(self, base: str) -> None:
        self.base, self.page, self.text, self.status = base, "", "", 0
        self.location: str | None = None
        self._http = requests.Session()

    def open(self, url: str) -> None:
        """GET a page and follow it while it stays here."""
        self._take(self._http.get(urljoin(self.base, url), allow_redirects=False, timeout=10))

    def has(self, form: str) -> bool:
        """Whether the page has the form with this id."""
        return f'id="{form}"' in self.text

    def submit(self, form: str, **fields: str) -> None:
        """Send the form with this id: what it holds already (hidden and chosen fields), and `fields`."""
        found = re.search(rf'<form[^>]*id="{form}"[^>]*>(.*?)</form>', self.text, re.DOTALL)
        assert found, f"no form {form} on {self.page}:\n{self.text}"
        action = re.search(r'action="([^"]*)"', found[0].partition(">")[0])
        values = _fields(found[1]) | fields
        target = urljoin(self.page, unescape(action[1]) if action else "")
        self._take(self._http.post(target, data=values, allow_redirects=False, timeout=10))

    def _take(self, answer: requests.Response) -> None:
        while answer.is_redirect:
            target = urljoin(answer.url, answer.headers["Location"])
            if urlsplit(target)[:2] != urlsplit(self.base)[:2]:
                self.location = target
                break
            answer = self._http.get(target, allow_redirects=False, timeout=10)
        self.page, self.text, self.status = answer.url, answer.text, answer.status_code
        self._http.close()


def _fields(html: str) -> dict[str, str]:
    """What a form sends by itself: hidden fields, filled ones, the chosen ones."""
    values = {}
    for tag in re.findall(r"<input[^>]*>", html):
        attributes = {name: unescape(value) for name, value in re.findall(r'([a-z-]+)="([^"]*)"', tag)}
        if "name" not in attributes or attributes.get("type") in {"submit", "button"}:
            continue
        if attributes.get("type") in {"radio", "checkbox"} and not re.search(r"\schecked", tag):
            continue
        values[attributes["name"]] = attributes.get("value", "on" if attributes.get("type") == "checkbox" else "")
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', html, re.DOTALL):
        chosen = re.search(r'<option[^>]*value="([^"]*)"[^>]*\sselected', options)
        first = re.search(r'<option[^>]*value="([^"]*)"', options)
        picked = chosen or first
        values[name] = unescape(picked[1]) if picked else ""
    return values
