"""Every page in its states, once: `test_pages` checks the rows, `screens` draws them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from playwright.sync_api import Page

from tests.browser.stack import Stack

Step = Callable[[Page, Stack], None]
_numbers = count(1)


@dataclass(frozen=True)
class Shown:
    """One page in one state: who looks, where, what is done there first, and the status of the last answer.

    `who` is a demo account's name, or none for a visitor. `sheet`: whether the contact sheet shows it.
    """

    path: str
    who: str | None = None
    steps: tuple[Step, ...] = ()
    status: int = 200
    sheet: bool = field(default=True)


def press(name: str) -> Step:
    """Press a button; its form is sent as it stands."""

    def step(page: Page, _: Stack) -> None:
        with page.expect_navigation():
            page.get_by_role("main").get_by_role("button", name=name, exact=True).click()

    return step


def follow(name: str) -> Step:
    """Follow the first link of that name."""

    def step(page: Page, _: Stack) -> None:
        with page.expect_navigation():
            page.get_by_role("main").get_by_role("link", name=name).first.click()

    return step


def fill(**values: str) -> Step:
    """Write into fields by their names in the form."""

    def step(page: Page, _: Stack) -> None:
        for name, value in values.items():
            page.locator(f"main [name={name}]").fill(value)

    return step


def check(label: str) -> Step:
    """Tick a box."""

    def step(page: Page, _: Stack) -> None:
        page.get_by_label(label).check()

    return step


def menu(name: str) -> Step:
    """Open a menu of the side bar."""

    def step(page: Page, _: Stack) -> None:
        page.locator("summary", has_text=name).click()

    return step


def sign_up(page: Page, stack: Stack) -> None:
    """Send the sign-up form for a new address, and stay on the page that says to look into the mail."""
    email = f"page{next(_numbers)}@shown.example"
    fill(name="Paula Page", email=email, password="seven quiet lanterns")(page, stack)
    press("Create account")(page, stack)


def mailed(path: str) -> Step:
    """Open the newest link below `path` that was mailed to the address of the last sign-up or invitation."""

    def step(page: Page, stack: Stack) -> None:
        page.goto(stack.link("@shown.example", path))

    return step


def invite(page: Page, stack: Stack) -> None:
    """Invite somebody new."""
    fill(email=f"guest{next(_numbers)}@shown.example")(page, stack)
    press("Send invitation")(page, stack)


def leave_browser(page: Page, _: Stack) -> None:
    """Become a visitor."""
    page.context.clear_cookies()


def go(path: str) -> Step:
    """Open another page."""

    def step(page: Page, _: Stack) -> None:
        page.goto(path)

    return step


def customer(page: Page, stack: Stack) -> None:
    """Sign up and confirm the address, from the mail that went to just this one."""
    email = f"page{next(_numbers)}@shown.example"
    fill(name="Paula Page", email=email, password="seven quiet lanterns")(page, stack)
    press("Create account")(page, stack)
    page.goto(stack.link(email, "/verify/"))
    press("Yes, confirm it")(page, stack)


def to_payment(page: Page, _: Stack) -> None:
    """Press the button that leads to Stripe's page, and wait there."""
    with page.expect_navigation():
        page.get_by_role("button", name=re.compile("Go (back )?to payment")).click()


def pay(page: Page, stack: Stack) -> None:
    """Pay on the stand-in's page with a good card, and come back."""
    to_payment(page, stack)
    for name, value in {"number": "4242424242424242", "expiry": "12 / 34", "cvc": "123", "name": "Asa Ek"}.items():
        page.locator(f"#pay [name={name}]").fill(value)
    page.locator("#pay button").click()
    page.wait_for_url("**/billing/return?**")
    page.get_by_role("heading", name="You are on Pro").wait_for()


def give_up(page: Page, stack: Stack) -> None:
    """Leave Stripe's page without paying."""
    to_payment(page, stack)
    page.locator("a.back").click()
    page.wait_for_url("**/billing/upgrade/pro?left=1**")


_SIGN_UP = ("/sign-up", None)
_WRONG = {"email": "near@demo.example", "password": "not the one"}

VISITOR = {
    "home": Shown("/"),
    "plans": Shown("/plans"),
    "plans-yearly": Shown("/plans?interval=year", sheet=False),
    "plan": Shown("/plans/pro"),
    "docs": Shown("/docs"),
    "docs-api": Shown("/docs/api"),
    "docs-problems": Shown("/docs/problems"),
    "docs-problem": Shown("/docs/problems/quota_exceeded"),
    "docs-style": Shown("/docs/style"),
    "sign-in": Shown("/sign-in"),
    "sign-in-empty": Shown("/sign-in", steps=(press("Sign in"),), status=422, sheet=False),
    "sign-in-wrong": Shown("/sign-in", steps=(fill(**_WRONG), press("Sign in")), status=422),
    "sign-up": Shown("/sign-up"),
    "sign-up-errors": Shown("/sign-up", steps=(fill(email="nobody"), press("Create account")), status=422),
    "sign-up-sent": Shown("/sign-up", steps=(sign_up,)),
    "verify": Shown("/sign-up", steps=(sign_up, mailed("/verify/"))),
    "verify-gone": Shown("/verify/nothing", status=410),
    "resend": Shown("/verify/resend"),
    "resend-errors": Shown("/verify/resend", steps=(press("Send the link again"),), status=422, sheet=False),
    "reset": Shown("/reset"),
    "reset-errors": Shown("/reset", steps=(press("Send the link"),), status=422, sheet=False),
    "reset-sent": Shown("/reset/sent"),
    "reset-gone": Shown("/reset/nothing", status=410, sheet=False),
    "invitation-gone": Shown("/invitations/nothing", status=410, sheet=False),
    "not-found": Shown("/nothing-here", status=404),
}
DASHBOARDS = {
    **{f"dashboard-{who}": Shown("/dashboard", who) for who in ("new", "steady", "near", "high", "full", "over")},
    "dashboard-viewer": Shown("/dashboard", "viewer"),
    "dashboard-member": Shown("/dashboard", "member", sheet=False),
    "user-menu": Shown("/dashboard", "steady", steps=(menu("Account of"),)),
    "org-menu": Shown("/dashboard", "billing", steps=(menu("Organisation"),)),
    "usage": Shown("/usage", "steady"),
    "usage-empty": Shown("/usage", "new"),
    "usage-over": Shown("/usage?period=12m&by=client&span=month", "over"),
    "usage-user": Shown("/usage?by=user", "high", sheet=False),
    "usage-key": Shown("/usage?by=key&meter=tokens", "viewer", sheet=False),
    "usage-wrong-days": Shown("/usage?from=2026-13-45&to=never", "near", sheet=False),
    "plans-free": Shown("/plans", "full"),
    "plans-paid": Shown("/plans", "over", sheet=False),
    "plans-viewer": Shown("/plans", "viewer", sheet=False),
    "plan-upgrade": Shown("/plans/pro", "full"),
    "plan-downgrade": Shown("/plans/free", "over"),
    "plan-current": Shown("/plans/free", "near", sheet=False),
    "plan-viewer": Shown("/plans/pro", "viewer"),
}
# A customer of its own buys: the demo's accounts stay on the plans that other pages show them on.
_BUYER = (customer, go("/billing/upgrade/pro"), pay)
BILLING = {
    "billing-free": Shown("/billing", "near"),
    "billing-offline": Shown("/billing", "over"),
    "billing-viewer": Shown("/billing", "viewer"),
    "upgrade": Shown("/billing/upgrade/pro", "full"),
    "upgrade-yearly": Shown("/billing/upgrade/pro?interval=year&currency=EUR", "near", sheet=False),
    "upgrade-viewer": Shown("/billing/upgrade/pro", "viewer", sheet=False),
    "upgrade-default": Shown("/billing/upgrade/free", "near", sheet=False),
    "upgrade-left": Shown("/sign-up", steps=(customer, go("/billing/upgrade/pro"), give_up)),
    "cancel-nothing": Shown("/billing/cancel", "near", sheet=False),
    "return-foreign": Shown(
        "/billing/return?checkout=0199c2f0-0000-7000-8000-000000000000&session_id=x", "near", status=404, sheet=False
    ),
    "return-paid": Shown("/sign-up", steps=_BUYER),
    "billing-paid": Shown("/sign-up", steps=(*_BUYER, go("/billing"))),
    "upgrade-current": Shown("/sign-up", steps=(*_BUYER, go("/billing/upgrade/pro")), sheet=False),
    "cancel": Shown("/sign-up", steps=(*_BUYER, go("/billing/cancel"))),
    "billing-cancelled": Shown("/sign-up", steps=(*_BUYER, go("/billing/cancel"), press("Cancel Pro on that day"))),
}
SETTINGS = {
    "profile": Shown("/settings", "near"),
    "profile-name": Shown("/settings", "near", (fill(name=""), press("Save name")), 422, sheet=False),
    "profile-email": Shown("/settings", "near", (press("Change e-mail address"),), 422, sheet=False),
    "profile-password": Shown("/settings", "near", (press("Change password"),), 422),
    "org": Shown("/settings/org", "near"),
    "org-errors": Shown("/settings/org", "near", (fill(name=""), press("Save")), 422, sheet=False),
    "org-viewer": Shown("/settings/org", "viewer"),
    "members": Shown("/settings/members", "high"),
    "members-errors": Shown("/settings/members", "high", (press("Send invitation"),), 422, sheet=False),
    "members-viewer": Shown("/settings/members", "viewer"),
    "members-invited": Shown("/settings/members", "over", (invite,)),
    "member": Shown("/settings/members", "high", (follow("Change Mika Member"),)),
    "member-self": Shown("/settings/members", "high", (follow("Change Hugo High"),), sheet=False),
    "invitation-other": Shown("/settings/members", "over", (invite, mailed("/invitations/")), sheet=False),
    "invitation": Shown("/settings/members", "over", (invite, leave_browser, mailed("/invitations/"))),
    "invitation-errors": Shown(
        "/settings/members", "over",
        (invite, leave_browser, mailed("/invitations/"), press("Create account and join")), 422, sheet=False,
    ),
    "keys": Shown("/settings/keys", "steady"),
    "keys-empty": Shown("/settings/keys", "new"),
    "keys-viewer": Shown("/settings/keys", "viewer"),
    "key-new": Shown("/settings/keys/new", "steady"),
    "key-errors": Shown("/settings/keys/new", "steady", (press("Make the key"),), 422, sheet=False),
    "key-made": Shown("/settings/keys/new", "full", (fill(name="Production"), press("Make the key"))),
    "key-revoke": Shown("/settings/keys", "steady", (follow("Revoke Demo"),)),
    "key-revoke-errors": Shown(
        "/settings/keys", "steady", (follow("Revoke Demo"), press("Revoke the key")), 422, sheet=False
    ),
    "clients": Shown("/settings/clients", "steady"),
    "clients-empty": Shown("/settings/clients", "new"),
    "clients-errors": Shown("/settings/clients", "steady", (press("Add client"),), 422, sheet=False),
    "clients-viewer": Shown("/settings/clients", "viewer", sheet=False),
    "client": Shown("/settings/clients", "steady", (follow("Change Acme Insurance"),)),
    "devices": Shown("/settings/sessions", "steady"),
    "leave": Shown("/settings/leave", "viewer"),
    "leave-last-owner": Shown("/settings/leave", "near", sheet=False),
    "confirm-password": Shown("/confirm-password", "near"),
    "confirm-password-wrong": Shown("/confirm-password", "near", (press("Go on"),), 422, sheet=False),
    "forbidden": Shown("/settings/keys/new", "viewer", status=403),
    "hidden-from-customers": Shown("/admin", "near", status=404, sheet=False),
}  # fmt: skip
ADMIN = {
    "admin": Shown("/admin", "staff"),
    "admin-tokens": Shown("/admin?meter=tokens", "staff", sheet=False),
    "admin-orgs": Shown("/admin/orgs", "staff"),
    "admin-orgs-none": Shown("/admin/orgs?q=zzzz", "staff", sheet=False),
    "admin-org": Shown("/admin/orgs?q=Overflow", "staff", (follow("Overflow Imaging"),)),
    "admin-org-new": Shown("/admin/orgs?q=Newcomer", "staff", (follow("Newcomer Ltd"),), sheet=False),
    "admin-org-errors": Shown(
        "/admin/orgs?q=Newcomer", "staff", (follow("Newcomer Ltd"), press("Suspend")), 422, sheet=False
    ),
}
ADMIN |= {
    "admin-inbox": Shown("/admin/inbox", "staff"),
    "admin-inbox-none": Shown("/admin/inbox?state=failed&q=evt_none", "staff", sheet=False),
    "admin-inbox-event": Shown("/admin/inbox?type=price.", "staff", (follow("price.created"),)),
}
PAGES: dict[str, Shown] = {**VISITOR, **DASHBOARDS, **BILLING, **SETTINGS, **ADMIN}
