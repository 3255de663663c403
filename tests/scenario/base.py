"""What every part of an org's story stands on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.payments.checkout.open_checkout import OpenedCheckout
from tests.factories import MadePlan

if TYPE_CHECKING:
    from tests.scenario.scenario import Scenario


@dataclass(eq=False)
class OrgBase:
    """Ids, not rows: an act ends the session's reads. `plan` and `opened` are what it went to Checkout for."""

    scenario: Scenario
    id: UUID
    owner: UUID | None
    plan: MadePlan | None = None
    opened: list[OpenedCheckout] = field(default_factory=list, repr=False)
    browsers: dict[str, FlaskClient] = field(default_factory=dict, repr=False)

    @property
    def session(self) -> Session:
        """The scenario's session, which holds nothing that was read before."""
        self.scenario.session.rollback()
        return self.scenario.session

    @property
    def now(self) -> datetime:
        """What the business clock says."""
        return self.scenario.clock.now()
