"""`python -m tests.browser.upgrade_cast N`: makes customers in an installation, and prints them as JSON.

What signing up and making a key do in the browser is shown by the first journeys; the others begin after it.
"""

from __future__ import annotations

import json
import sys

from app.accounts import queries
from app.accounts.api_keys import service
from app.accounts.roles import ORG_SCOPES
from app.accounts.sign_in.passwords import hash_password
from app.accounts.sign_in.sign_up import create_user
from app.factory import create_app
from app.kit.actor import SYSTEM
from app.kit.ids import new_id
from app.settings import Settings
from app.web.database import transaction
from app.web.runtime import business_now, runtime, wall_now
from tests.browser.people import PASSWORD


def main(wanted: int) -> None:
    """Make so many, each with an org of its own on the Free plan and an API key."""
    with create_app(Settings.from_env()).app_context():
        hashed = hash_password(PASSWORD)
        print(json.dumps([_customer(f"buyer-{new_id().hex}@upgrade.example", hashed) for _ in range(wanted)]))


def _customer(email: str, hashed: str) -> dict[str, str]:
    with transaction() as session:
        user = create_user(session, email, "Paula Buyer", hashed, verified=True, actor=SYSTEM, now=wall_now(),
                           opened_at=business_now())  # fmt: skip
        assert user
        org = queries.list_org_choices(session, user.id)[0].id
        key = service.create_key(session, org, "First", ORG_SCOPES.keys(), pepper=runtime().settings.key_pepper,
                                  actor=SYSTEM, now=wall_now())  # fmt: skip
        return {"email": email, "org_id": str(org), "key": key.secret}


if __name__ == "__main__":
    main(int(sys.argv[1]))
