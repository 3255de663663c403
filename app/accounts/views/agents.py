"""Describes a browser's User-Agent for the list of devices; a hint for people, never used for decisions."""

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


def describe_device(agent: str | None) -> str:
    """Such as "Firefox on Windows"; "Unknown browser" if nothing is recognised."""
    browser = next((name for mark, name in _BROWSERS if mark in (agent or "")), "Unknown browser")
    system = next((name for mark, name in _SYSTEMS if mark in (agent or "")), None)
    return f"{browser} on {system}" if system else browser
