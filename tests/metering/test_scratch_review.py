from __future__ import annotations
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from uuid import uuid4
from sqlalchemy import text
from tests.metering.world import World, event
from tests.metering.books import Books
from tests.factories import *
from app.admin.plans import Choice, give
from tests.factories import bearer


def test_window_dup(world: World) -> None:
    bad = []
    for _ in range(25):
        org = world.org(t_sum={"per_minute": 1})
        same = event(id=str(uuid4()))
        import msgspec
        b = Barrier(8); out = []
        def go():
            e = msgspec.structs.replace(same)
            b.wait()
            out.append(world.one(org, e).code)
        ts = [Thread(target=go) for _ in range(8)]
        [t.start() for t in ts]; [t.join() for t in ts]
        if sorted(out) != ["duplicate"] * 7 + ["recorded"]:
            bad.append(out)
    assert bad == []


def test_cut(session, client, app):
    plan = have_default_plan(session)
    org = make_org(session); key = make_key(session, org)
    p2 = make_plan(session, allowance=10, policy="charge")
    from app.web.runtime import business_now
    now = business_now()
    for at in (now - timedelta(minutes=1), now + timedelta(minutes=3)):
        r = client.post("/api/v1/usage/events", json={"id": str(uuid4()), "meter": p2.meter, "quantity": 1, "occurred_at": at.isoformat()}, headers=bearer(key))
        assert r.status_code == 200, r.get_json()
    from app.kit.actor import SYSTEM
    give(session, org.id, Choice(p2.version_id, "month", "USD", "x"), actor=SYSTEM, now=now)
    session.commit()
    rows = session.execute(text("select period_start, used, events from usage_counters where org_id=:o order by 1"), {"o": org.id}).all()
    print(rows)
    assert sum(r.events for r in rows) == 2


def test_refused_giants(session, client):
    plan = have_default_plan(session)
    org = make_org(session); key = make_key(session, org)
    for raw in (b'{"id":"a","meter":"%s","quantity":%s}' % (plan.meter.encode(), b"9"*5000),
                b'{"id":"b","meter":"%s","quantity":1e400}' % plan.meter.encode(),
                b'{"id":"b2","meter":"%s","quantity":%s}' % (plan.meter.encode(), b"9"*400),
                b'{"id":"c","meter":"%s","kind":"\\ud800"}' % plan.meter.encode(),
                b'{"id":"c","meter":"%s","quantity":"\\ud800x"}' % plan.meter.encode(),
                b'{"id":"d","meter":"%s","quantity":NaN}' % plan.meter.encode(),
                b'{"id":"e","meter":"%s","metadata":{"a":%s}}' % (plan.meter.encode(), b"9"*400),
                b'{"id":"f","meter":"%s","metadata":{"a":1e400}}' % (plan.meter.encode()),
                b'{"id":"f2","meter":"%s","metadata":{"a":%s}}' % (plan.meter.encode(), b"9"*5000),
                b'{"id":"f3","meter":"%s","metadata":{"a":%s1%s}}' % (plan.meter.encode(), b"["*1500, b"]"*1500),
                b'{"id":"g","meter":"%s","status_code":-1}' % (plan.meter.encode()),
                b'{"id":"h","meter":"%s","occurred_at":"0001-01-01T00:00:00+10:00"}' % (plan.meter.encode()),
                b'{"id":"i","meter":"%s","occurred_at":"9999-12-31T23:59:59.9999999Z"}' % (plan.meter.encode()),
                b'{"id":"j","meter":"nope\\u0001"}',
                b'{"id":" ","meter":"nope"}',
                ):
        for body in (raw, b'{"events":[' + raw + b']}'):
            r = client.post("/api/v1/usage/events", data=body, content_type="application/json", headers=bearer(key))
            print(raw[:60], r.status_code, r.get_data()[:200])
            assert r.status_code < 500
            r = client.get("/api/v1/usage/refused", headers=bearer(key))
            assert r.status_code == 200, (raw[:100], r.get_data())
            r = client.get("/api/v1/usage/events", headers=bearer(key))
            assert r.status_code == 200, (raw[:100], r.get_data())
            r = client.get("/api/v1/usage/summary", headers=bearer(key))
            assert r.status_code == 200, (raw[:100], r.get_data())


def test_havana(books: Books):
    org = books.org(zone="America/Havana", t_sum={"per_day": 100, "allowance": 1000})
    at = datetime(2026, 11, 1, 4, 30, tzinfo=UTC)
    books.one(org, event(occurred_at=at), now=at)
    print(books.run("select * from usage_windows where org_id=%s", (org,)))
    print(books.run("select * from usage_window_figures(array[%s::uuid])", (org,)))
    rows = books.run("select used, counted from usage_window_figures(array[%s::uuid])", (org,))
    assert all(u <= (c or 0) for u, c in rows)
