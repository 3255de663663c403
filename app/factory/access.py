"""The one access table: every route of the URL map and who may use it. A route without a row stops the start."""

from __future__ import annotations

from app.factory.rules import ADMIN, MEMBER, OPERATOR, PUBLIC, SIGNED_IN, VIEWER, Rule, key

ACCESS: dict[str, Rule] = {
    # the house
    "static": PUBLIC,
    "health.healthz": PUBLIC,
    "health.readyz": PUBLIC,
    "health.metrics": OPERATOR,
    # accounts
    "accounts.accept_invitation": SIGNED_IN,
    "accounts.change_email": SIGNED_IN,
    "accounts.change_label": ADMIN,
    "accounts.change_org": ADMIN,
    "accounts.change_password": SIGNED_IN,
    "accounts.change_profile": SIGNED_IN,
    "accounts.change_role": ADMIN,
    "accounts.change_theme": SIGNED_IN,
    "accounts.choose_password": PUBLIC,
    "accounts.client": MEMBER,
    "accounts.clients_page": VIEWER,
    "accounts.confirm_password": SIGNED_IN,
    "accounts.create_client": MEMBER,
    "accounts.create_key": ADMIN,
    "accounts.delete_client": MEMBER,
    "accounts.end_other_sessions": SIGNED_IN,
    "accounts.end_session": SIGNED_IN,
    "accounts.invitation": PUBLIC,
    "accounts.invite": ADMIN,
    "accounts.join": PUBLIC,
    "accounts.keys": VIEWER,  # who may not see them reads whom to ask
    "accounts.leave_org": VIEWER,
    "accounts.member": ADMIN,
    "accounts.members_page": VIEWER,
    "accounts.new_key": ADMIN,
    "accounts.org_settings": VIEWER,
    "accounts.remove_member": ADMIN,
    "accounts.resend_verification": PUBLIC,
    "accounts.reset": PUBLIC,
    "accounts.reset_sent": PUBLIC,
    "accounts.revoke_invitation": ADMIN,
    "accounts.revoke_key": ADMIN,
    "accounts.sessions": SIGNED_IN,
    "accounts.settings": SIGNED_IN,
    "accounts.sign_in": PUBLIC,
    "accounts.sign_out": PUBLIC,  # nothing happens to who is not signed in
    "accounts.sign_up_page": PUBLIC,
    "accounts.sign_up_sent": PUBLIC,
    "accounts.switch_org": SIGNED_IN,
    "accounts.verify": PUBLIC,
    # catalog and subscriptions
    "catalog_api.plans": PUBLIC,
    "subscriptions_api.limits": key("usage:read"),
    # metering
    "metering_api.check_usage": key("usage:read"),
    "metering_api.list_events": key("usage:read"),
    "metering_api.list_refused": key("usage:read"),
    "metering_api.record_events": key("usage:write"),
    # portal
    "docs.api": PUBLIC,
    "docs.index": PUBLIC,
    "docs.openapi": PUBLIC,
    "docs.problem": PUBLIC,
    "docs.problems": PUBLIC,
    "docs.style": PUBLIC,  # answers in the sandbox only
    "plans.choose": PUBLIC,
    "plans.index": PUBLIC,
    "portal.dashboard": VIEWER,
    "portal.home": PUBLIC,
    "portal_api.make_quote": key("usage:read"),
    "portal_api.usage_current": key("usage:read"),
    "portal_api.usage_history": key("usage:read"),
    "portal_api.usage_summary": key("usage:read"),
    "usage.as_csv": VIEWER,
    "usage.index": VIEWER,
    # admin
}
