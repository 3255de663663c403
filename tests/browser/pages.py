"""Every page in its states, once: `test_pages` checks the rows, `screens` draws them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.browser.moving import announced, everybody, moved, taken_back, two_versions
from tests.browser.steps import (
    Step,
    at_stripe,
    card,
    customer,
    fill,
    follow,
    give_up,
    go,
    go_until,
    hosted_invoice,
    invite,
    leave_browser,
    mailed,
    menu,
    other_card,
    pay,
    press,
    reprice,
    sign_up,
    to_payment,
    unfold,
)
from tests.browser.viewing import refused, viewed


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


_WRONG = {"email": "near@demo.example", "password": "not the one"}

VISITOR = {
    "home": Shown("/"),
    "plans": Shown("/plans"),
    "plans-yearly": Shown("/plans?interval=year", sheet=False),
    "plan": Shown("/plans/pro"),
    "docs": Shown("/docs"),
    "docs-api": Shown("/docs/api"),
    "docs-api-calls": Shown("/docs/api/usage"),
    "docs-problems": Shown("/docs/problems"),
    "docs-problem": Shown("/docs/problems/quota_exceeded"),
    "docs-examples": Shown("/docs/examples"),
    "docs-example-cases": Shown("/docs/examples/graduated"),
    "docs-example-late": Shown("/docs/examples/late-usage"),
    "docs-style": Shown("/docs/style"),
    "sign-in": Shown("/sign-in"),
    "sign-in-empty": Shown("/sign-in", steps=(press("Sign in"),), status=422, sheet=False),
    "sign-in-wrong": Shown("/sign-in", steps=(fill(**_WRONG), press("Sign in")), status=422),
    "sign-up": Shown("/sign-up"),
    "sign-up-errors": Shown("/sign-up", steps=(fill(email="nobody"), press("Create account")), status=422),
    "sign-up-sent": Shown("/sign-up", steps=(sign_up,)),
    "verify": Shown("/sign-up", steps=(sign_up, mailed("/verify/"))),
    "verify-elsewhere": Shown("/sign-up", steps=(sign_up, leave_browser, mailed("/verify/"))),
    "verify-gone": Shown("/verify/nothing", status=410),
    "resend": Shown("/verify/resend"),
    "resend-errors": Shown("/verify/resend", steps=(press("Send the link again"),), status=422, sheet=False),
    "reset": Shown("/reset"),
    "reset-errors": Shown("/reset", steps=(press("Send link"),), status=422, sheet=False),
    "reset-sent": Shown("/reset/sent"),
    "reset-gone": Shown("/reset/nothing", status=410, sheet=False),
    "invitation-gone": Shown("/invitations/nothing", status=410, sheet=False),
    "not-found": Shown("/nothing-here", status=404),
}
DASHBOARDS = {
    **{f"dashboard-{who}": Shown("/dashboard", who) for who in ("new", "steady", "near", "high", "full", "over")},
    "dashboard-viewer": Shown("/dashboard", "viewer"),
    "find": Shown("/find?q=inv", "over"),
    "find-nothing": Shown("/find?q=nothing+like+it", "viewer", sheet=False),
    "dashboard-member": Shown("/dashboard", "member", sheet=False),
    "user-menu": Shown("/dashboard", "steady", steps=(menu("Account of"),)),
    "org-menu": Shown("/dashboard", "billing", steps=(menu("Organisation"),)),
    "usage": Shown("/usage", "steady"),
    "usage-empty": Shown("/usage", "new"),
    "usage-over": Shown("/usage?period=12m&by=client&span=month", "over"),
    "usage-parts": Shown("/usage?period=30d", "over", (unfold,)),
    "usage-filtered": Shown("/usage?period=30d&kind=passport&by=user", "over"),
    "usage-no-match": Shown("/usage?period=30d&kind=passport&provider=none", "over", sheet=False),
    "usage-hours": Shown("/usage?from=2026-11-19&to=2026-11-21&by=hour&span=hour", "steady", sheet=False),
    "usage-user": Shown("/usage?by=user", "high", sheet=False),
    "usage-key": Shown("/usage?by=key&meter=tokens", "viewer", sheet=False),
    "usage-wrong-days": Shown("/usage?from=2026-13-45&to=never", "near", sheet=False),
    "plans-free": Shown("/plans", "full"),
    "plans-paid": Shown("/plans", "over", sheet=False),
    "plans-usage": Shown("/plans?interval=year&months=12&usage=51000", "over", (unfold,), sheet=False),
    "plans-new": Shown("/plans", "new", sheet=False),
    "plans-viewer": Shown("/plans", "viewer", sheet=False),
    "plan-upgrade": Shown("/plans/pro", "full"),
    "plan-downgrade": Shown("/plans/free", "over"),
    "plan-current": Shown("/plans/free", "near", sheet=False),
    "plan-viewer": Shown("/plans/pro", "viewer"),
}
# A customer of its own buys: the demo's accounts stay on the plans that other pages show them on.
_BUYER = (customer, go("/billing/upgrade/pro"), pay)
_TO_YEARLY, _PAY_YEARLY = go("/billing/upgrade/pro?interval=year"), press("Pay yearly, $441.00 today")
_TO_MONTHLY = go_until("/billing/upgrade/pro?interval=month", re.compile(r"from \d+ \w+ 20\d\d"))
_PORTAL = (*_BUYER, go("/billing"), press("Change the card"))
_DECLINED = (*_PORTAL, other_card("4000000000000341"), go_until("/billing", "ending 0341"), _TO_YEARLY, _PAY_YEARLY)
_AT_BANK_FOR_YEARLY = (
    *_PORTAL,
    other_card("4000002760003184", asks=True),
    go_until("/billing", "ending 3184"),
    _TO_YEARLY,
    _PAY_YEARLY,
)
_FAILS_AT_BANK = (*_AT_BANK_FOR_YEARLY, press("Confirm with Visa ending 3184"), press("Fail"))
BILLING = {
    "billing-free": Shown("/billing", "near"),
    "billing-offline": Shown("/billing", "over"),
    "billing-viewer": Shown("/billing", "viewer"),
    "invoice-ours": Shown("/billing", "over", (follow("INV-"),)),
    "late-usage": Shown("/billing/usage/late", "over"),
    "usage-charges": Shown("/billing/usage", "over", (unfold,)),
    "usage-line": Shown("/billing/usage", "over", (unfold, follow("Events behind this line"))),
    "invoice": Shown("/sign-up", steps=(*_BUYER, go("/billing"), follow("What it bills"))),
    "receipt": Shown("/billing/receipt", "over"),
    "receipt-none": Shown("/billing/receipt", "new", sheet=False),
    "statement": Shown("/billing/statement", "over"),
    "statement-paid": Shown("/sign-up", steps=(*_BUYER, go("/billing/statement"))),
    "statement-empty": Shown("/billing/statement", "new", sheet=False),
    "statement-wrong-days": Shown("/billing/statement?from=2026-11-02&to=2026-11-01", "over", status=400, sheet=False),
    "usage-charges-none": Shown("/billing/usage", "new", sheet=False),
    "proof": Shown("/usage/verify", "over"),
    "proof-closed": Shown("/usage/verify?at=2026-10-15", "over", sheet=False),
    "usage-charges-viewer": Shown("/billing/usage", "viewer", sheet=False),
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
    "upgrade-change": Shown("/sign-up", steps=(*_BUYER, _TO_YEARLY)),
    "billing-changed": Shown("/sign-up", steps=(*_BUYER, _TO_YEARLY, _PAY_YEARLY), sheet=False),
    "upgrade-period-end": Shown("/sign-up", steps=(*_BUYER, _TO_YEARLY, _PAY_YEARLY, _TO_MONTHLY), sheet=False),
    "billing-planned": Shown(
        "/sign-up",
        steps=(
            *_BUYER,
            _TO_YEARLY,
            _PAY_YEARLY,
            _TO_MONTHLY,
            press("Pay by the month from 21 November 2027"),
        ),
    ),
    "billing-move": Shown("/sign-up", steps=(announced,)),
    "billing-move-undone": Shown("/sign-up", steps=(taken_back,), sheet=False),
    "billing-change-declined": Shown("/sign-up", steps=(*_DECLINED, go_until("/billing", "was declined"))),
    "billing-change-secure": Shown(
        "/sign-up", steps=(*_AT_BANK_FOR_YEARLY, go_until("/billing", "Confirm the payment for Pro by the year"))
    ),
    "billing-change-secure-failed": Shown(
        "/sign-up", steps=(*_FAILS_AT_BANK, go_until("/billing", "You are still on Pro")), sheet=False
    ),
    "upgrade-change-pending": Shown("/sign-up", steps=(*_DECLINED, _TO_YEARLY), sheet=False),
    "dashboard-change-declined": Shown("/sign-up", steps=(*_DECLINED, go("/dashboard")), sheet=False),
    "upgrade-current": Shown("/sign-up", steps=(*_BUYER, go("/billing/upgrade/pro")), sheet=False),
    "cancel": Shown("/sign-up", steps=(*_BUYER, go("/billing/cancel"))),
    "billing-cancelled": Shown("/sign-up", steps=(*_BUYER, go("/billing/cancel"), press("Cancel Pro"))),
}
# The stand-in's own pages: they are a tool, and people pay on them all the same.
_AT_CHECKOUT = (customer, go("/billing/upgrade/pro"), to_payment)
_AT_BANK = (*_AT_CHECKOUT, card("4000002760003184"))
STRIPE = {
    "stripe-checkout": Shown("/sign-up", steps=_AT_CHECKOUT, sheet=False),
    "stripe-declined": Shown("/sign-up", steps=(*_AT_CHECKOUT, card("4000000000000002")), sheet=False),
    "stripe-secure": Shown("/sign-up", steps=_AT_BANK, sheet=False),
    "stripe-secure-failed": Shown("/sign-up", steps=(*_AT_BANK, press("Fail")), sheet=False),
    "stripe-portal": Shown("/sign-up", steps=(*_BUYER, go("/billing"), press("Change the card")), sheet=False),
    "stripe-invoice": Shown("/sign-up", steps=(*_BUYER, go("/billing"), hosted_invoice), sheet=False),
    "stripe-missing": Shown("/", None, (at_stripe("/c/pay/cs_test_none"),), 404, sheet=False),
    "stripe-controls": Shown("/", steps=(at_stripe("/sandbox"),), sheet=False),
}
SETTINGS = {
    "profile": Shown("/settings", "near"),
    "profile-name": Shown("/settings", "near", (fill(name=""), press("Save name")), 422, sheet=False),
    "profile-email": Shown("/settings", "near", (press("Change email address"),), 422, sheet=False),
    "profile-password": Shown("/settings", "near", (press("Change password"),), 422),
    "org": Shown("/settings/org", "near"),
    "org-errors": Shown("/settings/org", "near", (fill(name=""), press("Save")), 422, sheet=False),
    "org-viewer": Shown("/settings/org", "viewer"),
    "billing-details": Shown("/settings/billing", "near"),
    "billing-details-errors": Shown(
        "/settings/billing", "near", (fill(billing_emails="nobody", tax_id="1"), press("Save")), 422, sheet=False
    ),
    "billing-details-viewer": Shown("/settings/billing", "viewer", sheet=False),
    "members": Shown("/settings/members", "high"),
    "members-errors": Shown("/settings/members", "high", (press("Send invitation"),), 422, sheet=False),
    "members-viewer": Shown("/settings/members", "viewer"),
    "members-invited": Shown("/settings/members", "over", (invite,)),
    "member": Shown("/settings/members", "high", (follow("Edit Mika Member"),)),
    "member-self": Shown("/settings/members", "high", (follow("Edit Hugo High"),), sheet=False),
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
    "key-errors": Shown("/settings/keys/new", "steady", (press("Create key"),), 422, sheet=False),
    "key-made": Shown("/settings/keys/new", "full", (fill(name="Production"), press("Create key"))),
    "key-revoke": Shown("/settings/keys", "steady", (follow("Revoke Demo"),)),
    "key-revoke-errors": Shown(
        "/settings/keys", "steady", (follow("Revoke Demo"), press("Revoke key")), 422, sheet=False
    ),
    "clients": Shown("/settings/clients", "steady"),
    "clients-empty": Shown("/settings/clients", "new"),
    "clients-errors": Shown("/settings/clients", "steady", (press("Add client"),), 422, sheet=False),
    "clients-viewer": Shown("/settings/clients", "viewer", sheet=False),
    "client": Shown("/settings/clients", "steady", (follow("Edit Acme Insurance"),)),
    "client-deleted": Shown("/sign-up", steps=(customer, go("/settings/clients"), fill(ref="acme", name="Acme"),
                                               press("Add client"), follow("Edit Acme"), press("Delete Acme"))),
    "devices": Shown("/settings/sessions", "steady"),
    "leave": Shown("/settings/leave", "viewer"),
    "leave-last-owner": Shown("/settings/leave", "near", sheet=False),
    "confirm-password": Shown("/confirm-password", "near"),
    "confirm-password-wrong": Shown("/confirm-password", "near", (press("Continue"),), 422, sheet=False),
    "forbidden": Shown("/settings/keys/new", "viewer", status=403),
    "hidden-from-customers": Shown("/admin", "near", status=404, sheet=False),
}  # fmt: skip
ADMIN = {
    "admin": Shown("/admin", "staff"),
    "admin-revenue": Shown("/admin/analytics/revenue", "staff"),
    "admin-revenue-none": Shown("/admin/analytics/revenue?currency=XAF", "staff", sheet=False),
    "admin-movements": Shown("/admin/analytics/movements?currency=USD", "staff"),
    "admin-cohorts": Shown("/admin/analytics/cohorts", "staff"),
    "admin-top": Shown("/admin/analytics/top", "staff", sheet=False),
    "admin-past-due": Shown("/admin/analytics/past-due", "staff", sheet=False),
    "admin-usage": Shown("/admin/analytics/usage?by=provider", "staff"),
    "admin-usage-kinds": Shown("/admin/analytics/usage?meter=documents&by=kind&days=90d", "staff", sheet=False),
    "admin-usage-plan": Shown("/admin/analytics/usage?plan=pro&days=12m", "staff", sheet=False),
    "admin-usage-orgs": Shown("/admin/analytics/usage/organisations", "staff"),
    "admin-usage-orgs-plan": Shown("/admin/analytics/usage/organisations?plan=pro&days=12m", "staff", sheet=False),
    "admin-usage-orgs-none": Shown(
        "/admin/analytics/usage/organisations?from=2020-01-01&to=2020-01-05", "staff", sheet=False
    ),
    "admin-usage-none": Shown("/admin/analytics/usage?from=2020-01-01&to=2020-01-05", "staff", sheet=False),
    "admin-orgs": Shown("/admin/orgs", "staff"),
    "admin-orgs-sorted": Shown("/admin/orgs?state=active&sort=name", "staff", sheet=False),
    "admin-orgs-none": Shown("/admin/orgs?q=zzzz", "staff", sheet=False),
    "admin-org": Shown("/admin/orgs?q=Overflow", "staff", (follow("Overflow Imaging"),)),
    "admin-org-new": Shown("/admin/orgs?q=Newcomer", "staff", (follow("Newcomer Ltd"),), sheet=False),
    "admin-org-errors": Shown(
        "/admin/orgs?q=Newcomer", "staff", (follow("Newcomer Ltd"), press("Suspend")), 422, sheet=False
    ),
    "admin-org-override-errors": Shown(
        "/admin/orgs?q=Newcomer", "staff", (follow("Newcomer Ltd"), press("Agree")), 422, sheet=False
    ),
    "admin-corrections": Shown(
        "/admin/orgs?q=Overflow", "staff", (follow("Overflow Imaging"), follow("Correct usage"))
    ),
    "admin-import-void": Shown(
        "/admin/orgs?q=Overflow",
        "staff",
        (follow("Overflow Imaging"), follow("Correct usage"), follow("Void a whole import")),
    ),
    "admin-statement": Shown(
        "/admin/orgs?q=Overflow", "staff", (follow("Overflow Imaging"), follow("Statement of account"))
    ),
    "admin-timeline": Shown("/admin/orgs?q=Overflow", "staff", (follow("Overflow Imaging"), follow("Timeline"))),
    "admin-timeline-none": Shown(
        "/admin/orgs?q=Newcomer",
        "staff",
        (follow("Newcomer Ltd"), follow("Timeline"), follow("Stripe events")),
        sheet=False,
    ),
    "admin-notes": Shown(
        "/admin/orgs?q=Overflow",
        "staff",
        (follow("Overflow Imaging"), follow("Notes"), fill(note="Pays by bank.\nCalls back."), press("Write note")),
    ),
    "admin-notes-none": Shown(
        "/admin/orgs?q=Newcomer", "staff", (follow("Newcomer Ltd"), follow("Notes")), sheet=False
    ),
    "admin-notes-errors": Shown(
        "/admin/orgs?q=Newcomer",
        "staff",
        (follow("Newcomer Ltd"), follow("Notes"), press("Write note")),
        422,
        sheet=False,
    ),
    "viewing": Shown("/admin/orgs", "staff", (viewed,)),
    "viewing-refused": Shown("/admin/orgs", "staff", (refused,), 403, sheet=False),
    "admin-plans": Shown("/admin/plans", "staff"),
    "admin-plan": Shown("/admin/plans", "staff", (follow("Pro"),)),
    "admin-plan-draft": Shown("/admin/plan-draft?plan=pro", "staff", sheet=False),
    "admin-plan-draft-checked": Shown("/admin/plan-draft?plan=pro", "staff", (reprice, press("Check"))),
    "admin-plan-draft-errors": Shown("/admin/plan-draft", "staff", (press("Check"),), 422, sheet=False),
    "admin-plan-move": Shown("/admin/plans", "staff", (two_versions,)),
    "admin-plan-move-errors": Shown(
        "/admin/plans", "staff", (two_versions, press("Move to version 2")), 422, sheet=False
    ),
    "admin-plan-move-orgs": Shown("/admin/plans", "staff", (everybody,), sheet=False),
    "admin-plan-moved": Shown("/admin/plans", "staff", (moved,)),
    "admin-billing-runs": Shown("/admin/billing-runs?days=366", "staff"),
    "admin-billing-runs-failed": Shown("/admin/billing-runs?state=failed", "staff", sheet=False),
    "admin-invoices": Shown("/admin/invoices", "staff"),
    "admin-invoices-none": Shown("/admin/invoices?state=void", "staff", sheet=False),
    "admin-invoice": Shown("/admin/invoices", "staff", (follow("INV-"),)),
    "admin-invoice-errors": Shown(
        "/admin/invoices", "staff", (follow("INV-"), press("Record payment")), 422, sheet=False
    ),
    "admin-rehearsal": Shown("/admin/billing-runs/rehearsal", "staff"),
    "admin-rehearsal-alarms": Shown("/admin/billing-runs/rehearsal?show=alarms", "staff", sheet=False),
    "admin-proof": Shown("/admin/billing-runs?days=366", "staff", (follow("Verify"),)),
    "admin-audit": Shown("/admin/audit", "staff"),
    "admin-audit-none": Shown("/admin/audit?action=none.", "staff", sheet=False),
    "admin-audit-choices": Shown("/admin/audit?org=i", "staff", sheet=False),
    "admin-audit-verified": Shown("/admin/audit", "staff", (press("Verify this chain"),), sheet=False),
    "admin-audit-entry": Shown("/admin/audit?action=catalog.", "staff", (follow("Plan version published"),)),
    "admin-mail": Shown("/admin/mail", "staff"),
    "admin-find": Shown("/admin/find?q=over", "staff", sheet=False),
    "admin-mail-none": Shown("/admin/mail?state=failed&to=nobody@demo.example", "staff", sheet=False),
    "admin-tasks": Shown("/admin/tasks", "staff"),
    "admin-tasks-none": Shown("/admin/tasks?state=failed&queue=none", "staff", sheet=False),
    "admin-inbox": Shown("/admin/inbox", "staff"),
    "admin-inbox-none": Shown("/admin/inbox?state=failed&q=evt_none", "staff", sheet=False),
    "admin-inbox-event": Shown("/admin/inbox?type=price.", "staff", (follow("price.created"),)),
}
PAGES: dict[str, Shown] = {**VISITOR, **DASHBOARDS, **BILLING, **STRIPE, **SETTINGS, **ADMIN}
