"""GET /api/v1/limits."""

from tests.factories import bearer, have_default_plan, make_key, make_org, make_plan, subscribe


def limits(client, key):
    return client.get("/api/v1/limits", headers=bearer(key))


def test_an_org_reads_its_entitlements_with_the_source_of_each(client, session):
    org, made = make_org(session, time_zone="Asia/Tokyo"), make_plan(session, allowance=7, per_day=3)
    subscribe(session, org, made)
    answer = limits(client, make_key(session, org, scopes=["usage:read"]))
    assert answer.status_code == 200
    assert answer.json["plan"] == {"key": made.key, "name": made.key, "version": 1}
    assert answer.json["period"] == {
        "starts_at": "2026-11-21T12:00:00Z", "ends_at": "2026-11-30T15:00:00Z", "time_zone": "Asia/Tokyo",
    }  # fmt: skip
    assert answer.json["meters"] == [
        {"meter": made.meter, "name": "Units", "unit": "unit", "allowance": "7", "policy": "block",
         "hard_limit": None, "per_minute": None, "per_hour": None, "per_day": "3", "cap": "7",
         "source": "plan", "sources": {}},
    ]  # fmt: skip
    assert {"key": "file_bytes", "value": "1000", "source": "plan"} in answer.json["limits"]
    assert {"key": "requests_per_minute", "value": None, "source": "plan"} in answer.json["limits"]


def test_a_new_org_reads_the_default_plan_before_its_first_period_is_open(client, session):
    default, org = have_default_plan(session), make_org(session)
    answer = limits(client, make_key(session, org))
    assert (answer.json["plan"]["key"], answer.json["period"]) == (default.key, None)
    assert len(answer.json["meters"]) == len(default.meters)


def test_the_limits_follow_an_upgrade_at_once(client, session, clock):
    org, small, large = make_org(session), make_plan(session, allowance=7), make_plan(session, allowance="unlimited")
    key = make_key(session, org)
    subscribe(session, org, small)
    assert limits(client, key).json["meters"][0]["allowance"] == "7"
    subscribe(session, org, large)
    assert limits(client, key).json["meters"][0]["allowance"] is None


def test_no_org_reads_anothers_limits(client, session):
    mine, theirs, made = make_org(session), make_org(session), make_plan(session)
    subscribe(session, theirs, made)
    assert limits(client, make_key(session, mine)).json["plan"]["key"] != made.key


def test_the_scope_is_needed(client, session):
    org = make_org(session)
    assert limits(client, make_key(session, org, scopes=["usage:write"])).status_code == 403
    assert client.get("/api/v1/limits").status_code == 401
