"""GET /api/v1/plans."""

from sqlalchemy import update

from app.catalog.models import Plan
from tests.factories import make_plan


def found(client, key, query=""):
    answer = client.get(f"/api/v1/plans{query}")
    assert answer.status_code == 200
    return next((plan for plan in answer.json["plans"] if plan["key"] == key), None)


def test_public_plans_are_shown_to_everybody_with_prices_allowances_limits_and_charges(client, session):
    made = make_plan(session, policy="charge", per_day=5)
    plan = found(client, made.key)
    assert plan["version_id"] == str(made.version_id)
    assert plan["prices"] == [
        {"currency": "USD", "interval": "month", "amount": 1000},
        {"currency": "USD", "interval": "year", "amount": 10000},
    ]
    assert plan["meters"][0] | {"charges": []} == {
        "meter": made.meter, "name": "Units", "unit": "unit", "allowance": "10", "policy": "charge",
        "hard_limit": None, "per_minute": None, "per_hour": None, "per_day": "5", "charges": [],
    }  # fmt: skip
    assert plan["meters"][0]["charges"] == [
        {"key": "use", "currency": "USD", "model": "per_unit", "properties": {"unit_amount": "0.01"},
         "collect": "period"},
    ]  # fmt: skip
    assert plan["limits"]["requests_per_minute"] is None
    assert plan["limits"]["file_bytes"] == "1000"


def test_a_currency_shows_only_plans_that_have_a_price_in_it(client, session):
    key = make_plan(session).key
    assert found(client, key, "?currency=usd") is not None
    assert found(client, key, "?currency=EUR") is None
    assert found(client, key, "?currency=nonsense") is None


def test_an_unknown_parameter_is_refused(client):
    answer = client.get("/api/v1/plans?curency=USD")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_request")


def test_a_private_plan_is_not_shown(client, session):
    made = make_plan(session)
    session.execute(update(Plan).where(Plan.key == made.key).values(public=False))
    session.commit()
    assert found(client, made.key) is None
