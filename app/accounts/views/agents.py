"""A browser's User-Agent in the words of a list of devices; a hint for people, never a decision."""

from __future__ import annotations

_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_words(agent: str | None) -> str:
    """Such as "Firefox on Windows"; "Unknown browser" when nothing is recognised."""
    browser = next((name for mark, name in _BROWSERS if mark in (agent or "")), "Unknown browser")
    system = next((name for mark, name in _SYSTEMS if mark in (agent or "")), None)
    return f"{browser} on {system}" if system else browser
