"""Pay for overage on /billing: what it says, who may press, and that the press is by what was shown."""

from __future__ import annotations

import re

import pytest

from app.payments.cli import background_gateway
from tests.pages import send, text_of
from tests.scenario import Scenario
from tests.scenario.org import Org
from tests.support.copy import copy

ON, OFF = "/billing/overage", "/billing/overage/off"


@pytest.fixture
def free(paid: Scenario) -> Org:
    """An org on the Free plan with a saved card."""
    paid.default_plan()
    org = paid.org()
    with background_gateway():
        opened = org.opens_card_page()
        org.pays(opened)
        org.returns(opened)
    paid.stripe.lose()
    return org.with_period()


def shown(page: str) -> dict[str, str]:
    """The hidden fields of the form."""
    form = page[page.index(f'action="{ON}"') :]
    return dict(re.findall(r'name="(version|card)" value="([^"]*)"', form[: form.index("</form>")]))


def test_it_names_price_limit_and_card_and_says_that_there_is_no_cap(free: Org) -> None:
    page = free.page("/billing")
    assert copy("overage.offer") in page
    assert copy("overage.point", meter="API calls", included="1,000 calls", price="$0.01 each") in page
    assert copy("overage.no_cap") in page
    assert "Pay for overage with Visa ending 4242" in page


def test_a_press_switches_it_on_and_another_off(free: Org) -> None:
    answer = free.press(ON, **shown(free.page("/billing")))
    assert answer.status_code == 303
    page = free.page("/billing")
    assert copy("overage.on", date="21 November 2026", card="Visa ending 4242") in page
    assert copy("overage.no_fee") in page
    assert free.reads("/billing")["pays_for_overage"] is True
    assert free.may_use(400)
    free.press(OFF)
    page = free.page("/billing")
    assert copy("overage.offer") in page
    assert free.reads("/billing")["pays_for_overage"] is False


def test_a_press_by_what_is_not_shown_any_more_says_so(free: Org) -> None:
    fields = shown(free.page("/billing"))
    answer = free.press(ON, **{**fields, "card": "pm_other"})
    assert (answer.status_code, copy("overage.other_card") in answer.text) == (409, True)
    assert free.press(ON, version="x", card="").status_code == 400
    assert free.reads("/billing")["pays_for_overage"] is False


def test_without_a_card_it_leads_to_adding_one(paid: Scenario) -> None:
    paid.default_plan()
    page = paid.org().page("/billing")
    assert copy("overage.needs_card") in page
    assert f'action="{ON}"' not in page
    assert 'action="/billing/card"' in page


@pytest.mark.parametrize(("role", "may"), [("admin", True), ("billing", True), ("member", False), ("viewer", False)])
def test_who_may_press(free: Org, role: str, may: bool) -> None:
    page = text_of(free.browser(role).get("/billing"))
    assert copy("overage.offer") in page
    assert (f'action="{ON}"' in page) is may
    fields = shown(free.page("/billing"))
    assert send(free.browser(role), ON, "/billing", **fields).status_code == (303 if may else 403)


def test_on_a_plan_with_a_fee_there_is_nothing_to_switch(paid: Scenario) -> None:
    org = paid.org().on(paid.plan(policy="charge"))
    assert "Pay for overage" not in org.page("/billing")
