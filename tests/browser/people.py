"""What people do in the portal, by the forms and links that they see; scripts or none make no difference."""

from __future__ import annotations

import json
import subprocess
from typing import Any
from uuid import uuid4

from playwright.sync_api import Page, expect

from tests.browser.stack import Stack
from tests.support.copy import copy

PASSWORD = "seven quiet lanterns"


def sign_up(page: Page, stack: Stack) -> str:
    """From the start page to the own dashboard, the address confirmed from the mailbox; returns the address."""
    email = f"person-{uuid4().hex[:8]}@journey.example"
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Create an account").click()
    page.get_by_label("Your name").fill("Paula Journey")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(copy("accounts.check_inbox"))
    open_mail(page, stack, email, "/verify/")
    page.get_by_role("button", name="Yes, confirm").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")
    return email


def open_mail(page: Page, stack: Stack, to: str, path: str) -> None:
    """Open the mailbox page, the newest mail to an address, and the link below `path` in it."""
    link = stack.link(to, path)
    page.goto(stack.demo["mailbox_url"])
    page.get_by_role("listitem").filter(has_text=to).get_by_role("link").first.click()
    page.get_by_role("link", name=link, exact=True).click()


def make_key(page: Page) -> tuple[str, str]:
    """Create an API key from the checklist; returns the secret and the printed curl line."""
    page.get_by_role("link", name="Create a key").click()
    page.get_by_role("link", name="Create an API key").click()
    page.get_by_label("Name").fill("First")
    page.get_by_role("button", name="Create key").click()
    secret = page.get_by_label("API key").input_value()
    line = page.locator("#first-event").text_content()
    assert line is not None
    return secret, line


def revoke_key(page: Page, name: str) -> None:
    """Revoke a key on the page of the keys, its name typed."""
    page.goto("/settings/keys")
    page.get_by_role("link", name=f"Revoke {name}").click()
    page.get_by_label("Name of the key").fill(name)
    page.get_by_role("button", name="Revoke key").click()


def run(line: str) -> Any:
    """Run a printed line in a shell, as it stands; returns the JSON that it prints."""
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
