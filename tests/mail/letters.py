"""Facts for every template, as accounts gives them."""

from datetime import UTC, datetime

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
BASE = {"name": "Ada", "link": "https://billing.example/x/Zm9v", "expires_at": AT, "at": AT}
CONTEXTS = {
    "verify_email": BASE,
    "reset_password": BASE,
    "account_exists": BASE | {"reset_link": "https://billing.example/reset"},
    "account_changed": BASE | {"what": "Your password was changed."},
    "invitation": BASE | {"org_name": "Acme & Sons", "invited_by": "Grace", "role": "admin"},
    "new_sign_in": BASE | {"address": "198.51.100.7", "device": "Firefox on Linux"},
    "key_created": BASE
    | {"org_name": "Acme & Sons", "key_name": "prod", "key": "tk_ab…wxyz", "scopes": ["usage:write", "usage:read"]},
}
