"""Which pages of the table this run looks at: of each the template and the kind, and the choice."""

from __future__ import annotations

from tests.browser.pages import ADMIN, PAGES, STRIPE, Shown
from tests.support.changes import changed_files, layout, leans_on, own_files
from tests.support.sampling import Page, Pick, left_out, pick

STANDIN = "sandbox/standin/pages/templates"
TEMPLATES = {
    "templates/dashboard/home.html": "home",
    "templates/plans/plans.html": "plans plans-yearly plans-free plans-paid plans-usage plans-new plans-viewer",
    "templates/plans/plan.html": "plan plan-upgrade plan-downgrade plan-current plan-viewer",
    "templates/dashboard/dashboard.html": "dashboard-new dashboard-steady dashboard-near dashboard-high dashboard-full"
    " dashboard-over dashboard-viewer dashboard-member dashboard-change-declined user-menu org-menu viewing",
    "templates/usage/usage.html": "usage usage-empty usage-over usage-parts usage-filtered usage-no-match usage-hours"
    " usage-user usage-key usage-wrong-days",
    "templates/billing/billing.html": "billing-free billing-offline billing-viewer billing-paid billing-cancelled"
    " billing-changed billing-planned billing-move billing-move-undone billing-change-declined billing-change-secure"
    " billing-change-secure-failed",
    "templates/statement/statement.html": "statement statement-paid statement-empty statement-wrong-days",
    "templates/invoices/usage.html": "invoice-ours usage-charges usage-charges-none usage-charges-viewer",
    "templates/invoices/receipt.html": "receipt receipt-none",
    "templates/invoices/line.html": "usage-line",
    "templates/invoices/invoice.html": "invoice",
    "templates/invoices/late.html": "late-usage",
    "templates/billing/upgrade.html": "upgrade upgrade-yearly upgrade-viewer upgrade-default upgrade-left"
    " upgrade-current upgrade-change upgrade-period-end upgrade-change-pending",
    "templates/billing/cancel.html": "cancel cancel-nothing",
    "templates/billing/return.html": "return-paid",
    "templates/proof/proof.html": "proof proof-closed",
    "templates/admin/proof.html": "admin-proof",
    "templates/admin/statement.html": "admin-statement",
    "templates/admin/analytics/revenue.html": "admin-revenue admin-revenue-none",
    "templates/admin/analytics/movements.html": "admin-movements",
    "templates/admin/analytics/cohorts.html": "admin-cohorts",
    "templates/admin/analytics/top.html": "admin-top",
    "templates/admin/analytics/past_due.html": "admin-past-due",
    "templates/find/find.html": "find find-nothing",
    "templates/admin/find.html": "admin-find",
    "templates/admin/usage.html": "admin-usage admin-usage-kinds admin-usage-plan admin-usage-none",
    "templates/admin/usage_orgs.html": "admin-usage-orgs admin-usage-orgs-plan admin-usage-orgs-none",
    "templates/admin/rehearsal.html": "admin-rehearsal admin-rehearsal-alarms",
    "templates/docs/index.html": "docs",
    "templates/docs/api.html": "docs-api",
    "templates/docs/api_calls.html": "docs-api-calls",
    "templates/docs/problems.html": "docs-problems",
    "templates/docs/problem.html": "docs-problem",
    "templates/docs/examples.html": "docs-examples",
    "templates/docs/example_cases.html": "docs-example-cases docs-example-late",
    "templates/docs/style.html": "docs-style",
    "templates/errors/error.html": "not-found return-foreign forbidden hidden-from-customers viewing-refused",
    "templates/accounts/sign_in/sign_in.html": "sign-in sign-in-empty sign-in-wrong",
    "templates/accounts/sign_in/sign_up.html": "sign-up sign-up-errors",
    "templates/accounts/sign_in/sign_up_sent.html": "sign-up-sent",
    "templates/accounts/sign_in/verify.html": "verify",
    "templates/accounts/sign_in/verify_password.html": "verify-elsewhere",
    "templates/accounts/sign_in/link_gone.html": "verify-gone reset-gone invitation-gone",
    "templates/accounts/sign_in/resend.html": "resend resend-errors",
    "templates/accounts/sign_in/reset.html": "reset reset-errors",
    "templates/accounts/sign_in/reset_sent.html": "reset-sent",
    "templates/accounts/settings/profile.html": "profile profile-name profile-email profile-password",
    "templates/accounts/settings/org.html": "org org-errors org-viewer",
    "templates/accounts/settings/billing_details.html": "billing-details billing-details-errors billing-details-viewer",
    "templates/accounts/settings/members.html": "members members-errors members-viewer members-invited",
    "templates/accounts/settings/member.html": "member member-self",
    "templates/accounts/sign_in/invitation.html": "invitation invitation-other invitation-errors",
    "templates/accounts/keys/keys.html": "keys keys-empty keys-viewer",
    "templates/accounts/keys/key_new.html": "key-new key-errors",
    "templates/accounts/keys/key_made.html": "key-made",
    "templates/accounts/keys/key_revoke.html": "key-revoke key-revoke-errors",
    "templates/accounts/settings/clients.html": "clients clients-empty clients-errors clients-viewer client-deleted",
    "templates/accounts/settings/client.html": "client",
    "templates/accounts/settings/sessions.html": "devices",
    "templates/accounts/settings/leave.html": "leave leave-last-owner",
    "templates/accounts/sign_in/confirm_password.html": "confirm-password confirm-password-wrong",
    "templates/admin/overview.html": "admin",
    "templates/admin/timeline.html": "admin-timeline admin-timeline-none",
    "templates/admin/notes.html": "admin-notes admin-notes-none admin-notes-errors",
    "templates/admin/orgs.html": "admin-orgs admin-orgs-sorted admin-orgs-none",
    "templates/admin/org.html": "admin-org admin-org-new admin-org-errors admin-org-override-errors",
    "templates/admin/corrections.html": "admin-corrections",
    "templates/admin/import_void.html": "admin-import-void",
    "templates/admin/plans.html": "admin-plans",
    "templates/admin/plan.html": "admin-plan",
    "templates/admin/plan_draft.html": "admin-plan-draft admin-plan-draft-checked admin-plan-draft-errors",
    "templates/admin/plan_move_preview.html": "admin-plan-move admin-plan-move-errors",
    "templates/admin/plan_move_orgs.html": "admin-plan-move-orgs",
    "templates/admin/plan_move.html": "admin-plan-moved",
    "templates/admin/billing_runs.html": "admin-billing-runs admin-billing-runs-failed",
    "templates/admin/invoices.html": "admin-invoices admin-invoices-none",
    "templates/admin/invoice.html": "admin-invoice admin-invoice-errors",
    "templates/admin/audit.html": "admin-audit admin-audit-none admin-audit-choices admin-audit-verified",
    "templates/admin/audit_entry.html": "admin-audit-entry",
    "templates/admin/mail.html": "admin-mail admin-mail-none",
    "templates/admin/tasks.html": "admin-tasks admin-tasks-none",
    "templates/admin/inbox.html": "admin-inbox admin-inbox-none",
    "templates/admin/inbox_event.html": "admin-inbox-event",
    f"{STANDIN}/checkout.html": "stripe-checkout stripe-declined stripe-secure-failed",
    f"{STANDIN}/secure.html": "stripe-secure",
    f"{STANDIN}/portal.html": "stripe-portal",
    f"{STANDIN}/invoice.html": "stripe-invoice",
    f"{STANDIN}/missing.html": "stripe-missing",
    f"{STANDIN}/control.html": "stripe-controls",
}
"""The pages of each template."""
TEMPLATE_OF = {name: template for template, names in TEMPLATES.items() for name in names.split()}


def kind(name: str, shown: Shown, template: str) -> str:
    """Layout and state: for whom the page is, how its answer went, whether a menu is open."""
    who = "staff" if name in ADMIN else "Stripe" if name in STRIPE else shown.who or "visitor"
    role = who if who in {"staff", "Stripe", "visitor", "viewer"} else "customer"
    state = "open menu" if name.endswith("-menu") else str(shown.status)
    return f"{layout(template)}, {role}, {state}"


def _page(name: str, shown: Shown) -> Page:
    template = TEMPLATE_OF[name]
    return Page(kind(name, shown, template), own_files(template), template, leans_on(template))


_PAGES = {name: _page(name, shown) for name, shown in PAGES.items()}
PICKS: dict[str, Pick] = pick(_PAGES, changed_files())
LEFT: list[str] = left_out(_PAGES, changed_files())
