"""Who works in an org: members with a browser, programs with a key."""

from __future__ import annotations

from flask.testing import FlaskClient

from app.accounts.models import Org
from tests import factories
from tests.scenario.base import OrgBase


class People(OrgBase):
    """Browsers and keys."""

    def browser(self, role: str = "owner") -> FlaskClient:
        """The signed-in browser of a member with this role, always the same one."""
        if role not in self.browsers:
            if role == "owner" and self.owner:
                user = self.owner
            else:
                user = factories.make_member(self.session, self.session.get_one(Org, self.id), role).id
            self.browsers[role] = self.scenario.browser(user, self.id)
        return self.browsers[role]

    def api(self, *scopes: str) -> dict[str, str]:
        """The headers of a call with a key of the org's, which may do all unless scopes are named."""
        org = self.session.get_one(Org, self.id)
        return factories.bearer(factories.make_key(self.session, org, scopes=scopes or factories.ALL_SCOPES))
