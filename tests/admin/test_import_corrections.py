"""Staff see what the void of a whole import takes away, and void it in bounded presses; members never can."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from app.accounts.reads import VIEWED
from app.admin.corrections.import_preview import preview_import
from app.admin.corrections.import_view import build_import_view
from app.admin.corrections.import_void import Pressed, void_some
from app.audit.models import AuditEntry
from app.kit.actor import SYSTEM
from app.kit.ids import new_id
from app.metering.corrections.import_void import void_import_batch
from app.web.database import transaction
from tests.admin.test_pages import press, read
from tests.factories import find_plan, publish_again
from tests.metering.corrections.test_import_void import brings, counted
from tests.scenario import Org, Scenario


@pytest.fixture
def org(scenario: Scenario) -> Org:
    """An org with 10 units a month, and a cent for each above that."""
    plan = scenario.plan(policy="charge", allowance=10)
    made = scenario.org().on(plan)
    made.plan = plan
    return made.with_period()


def path(org: Org, import_id: UUID | str = "") -> str:
    return f"/admin/orgs/{org.id}/corrections/imports" + (f"?import={import_id}" if import_id else "")


def ask(org: Org, import_id: UUID, *scopes: str) -> Any:
    headers = org.scenario.api(*(scopes or ("admin:read",)))
    return org.scenario.client.get(f"/api/v1/admin/orgs/{org.id}/imports/{import_id}", headers=headers)


def entries(org: Org) -> list[AuditEntry]:
    org.scenario.session.rollback()
    query = select(AuditEntry).where(AuditEntry.org_id == org.id, AuditEntry.action == "usage.import_voided")
    return list(org.scenario.session.scalars(query.order_by(AuditEntry.seq)))


def test_the_page_says_what_the_void_takes_away(scenario: Scenario, org: Org) -> None:
    """24 units, of which 12 came with the import: 14 cents above 10 units, 2 without it."""
    import_id, _ = brings(org, 6), brings(org, 6)
    page = read(scenario.staff(), path(org, import_id))
    assert "6 events" in page
    assert "$0.12 less" in page
    assert "Void this import" in page
    assert counted(org) == 24


def test_the_api_previews_the_same(org: Org) -> None:
    import_id, _ = brings(org, 6), brings(org, 6)
    body = ask(org, import_id).json
    assert (body["import"], body["events"], body["voided"], body["complete"]) == (str(import_id), 6, 0, True)
    [usage] = body["usage"]
    assert (usage["meter"], usage["events"], usage["quantity"]) == (org.plan.meter, 6, "12")
    assert (usage["difference"], usage["currency"], usage["closed"]) == (-12, "USD", False)
    assert ask(org, new_id()).status_code == 404
    assert ask(org.scenario.org(), import_id).status_code == 404
    assert ask(org, import_id, "usage:correct").status_code == 403


def test_staff_void_an_import_with_a_reason_and_stand_in_the_audit_log(scenario: Scenario, org: Org) -> None:
    import_id, staff = brings(org, 5), scenario.staff()
    assert press(staff, path(org, import_id), path(org), **{"import": str(import_id), "reason": ""})[0] == 422
    assert counted(org) == 10
    assert press(staff, path(org, import_id), path(org), **{"import": str(import_id), "reason": "Wrong file"})[0] == 303
    assert counted(org) == 0
    page = read(staff, path(org, import_id))
    assert "5 events are voided" in page
    assert "Void this import" not in page
    [entry] = entries(org)
    assert (entry.actor_kind, entry.after) == (
        "staff", {"reason": "Wrong file", "voided": 5, "period_open": 0, "too_old": 0},
    )  # fmt: skip


def test_a_press_is_bounded_and_the_next_goes_on(scenario: Scenario, org: Org) -> None:
    import_id = brings(org, 7)

    def again() -> Pressed:
        return void_some(org.id, import_id, "Wrong file", actor=SYSTEM, now=org.now, batches=2, most=2)

    assert again() == Pressed(4, more=True)
    page = read(scenario.staff(), path(org, import_id))
    assert "4 events are voided already" in page
    assert "Void this import" in page
    assert counted(org) == 6
    assert again() == Pressed(3, more=False)
    assert again() == Pressed(0, more=False)
    assert counted(org) == 0
    assert [entry.after["voided"] for entry in entries(org) if entry.after] == [2, 2, 2, 1]


def test_what_cannot_be_voided_is_told(scenario: Scenario) -> None:
    plan = scenario.plan(policy="charge", allowance=10, aggregation="max")
    org = scenario.org().on(plan)
    org.plan = plan
    import_id, staff = brings(org.with_period(), 3), scenario.staff()
    page = read(staff, path(org, import_id))
    assert "once the usage period is closed" in page
    assert "Void this import" not in page
    scenario.later(days=401)
    assert "for 400 days" in read(scenario.staff(), path(org, import_id))


def test_an_unknown_import_and_one_of_another_organisation_are_not_found(scenario: Scenario, org: Org) -> None:
    import_id, staff = brings(org, 1), scenario.staff()
    for asked in (new_id(), "no id"):
        assert "No import with this ID" in read(staff, path(org, asked))
    assert "No import with this ID" in read(staff, path(scenario.org(), import_id))
    answer = press(staff, path(org), path(org), **{"import": str(new_id()), "reason": "none"})
    assert answer[0] == 303


def test_imports_of_the_organisation_are_listed(scenario: Scenario, org: Org) -> None:
    import_id = brings(org, 1)
    scenario.session.execute(
        text(
            "INSERT INTO usage_imports (digest, mapping, id, file, line, recorded, duplicates, bad, brought,"
            " started_at, updated_at) VALUES (:digest, '', :id, 'march.csv', 1, 1, 0, 0, 1, :now, :now)"
        ),
        {"digest": str(import_id), "id": import_id, "now": org.now},
    )
    scenario.session.commit()
    assert "march.csv" in read(scenario.staff(), path(org))
    assert "march.csv" in read(scenario.staff(), path(org, import_id))
    assert "march.csv" not in read(scenario.staff(), path(scenario.org()))


def test_the_page_asks_the_database_little(scenario: Scenario, org: Org) -> None:
    import_id, staff = brings(org, 3), scenario.staff()
    read(staff, path(org, import_id))  # the first look of an hour is audited
    with scenario.statements() as asked:
        read(staff, path(org, import_id))
    assert len(asked) <= 8, asked


def test_members_neither_find_the_page_nor_can_press_it(org: Org) -> None:
    import_id, browser = brings(org, 2), org.browser()
    assert browser.get(path(org, import_id)).status_code == 404
    answer = browser.post(path(org), data={"import": str(import_id), "reason": "mine"})
    assert answer.status_code in {400, 403, 404}
    assert counted(org) == 4


def test_a_void_beside_the_preview_changes_what_is_left(scenario: Scenario, org: Org) -> None:
    import_id = brings(org, 5)
    with transaction() as session:
        void_import_batch(session, org.id, import_id, "some", actor=SYSTEM, now=org.now, after=None, most=3)
    body = ask(org, import_id).json
    assert (body["events"], body["voided"]) == (5, 3)
    assert body["usage"][0]["quantity"] == "4"


def test_more_events_than_are_counted_can_still_be_voided(scenario: Scenario, org: Org) -> None:
    """Of seven events four are counted; the rest of them is found when those are voided."""
    import_id = brings(org, 7)
    for voided, left in ((0, 4), (4, 0)):
        with transaction() as session:
            preview = preview_import(session, org.id, import_id, org.now, most=4)
            assert preview is not None
        assert (preview.events, preview.voided, preview.left, preview.complete, preview.can_void) == (
            4, voided, left, False, True,
        )  # fmt: skip
        view = build_import_view(preview, "UTC")
        assert view.press == "Void this import"
        assert view.lead.startswith("More than 4 events came with this import.")
        assert "The table counts 4 events." in view.notes[0]
        void_some(org.id, import_id, "Wrong file", actor=SYSTEM, now=org.now, batches=2, most=2)
    void_some(org.id, import_id, "Wrong file", actor=SYSTEM, now=org.now)
    with transaction() as session:
        preview = preview_import(session, org.id, import_id, org.now, most=4)
    assert preview is not None
    assert not preview.can_void


@pytest.mark.parametrize(
    ("aggregation", "quantity", "words"), [("count", "3", "3 units"), ("max", None, "Worked out anew")]
)
def test_a_quantity_is_what_no_longer_counts(
    scenario: Scenario, aggregation: str, quantity: str | None, words: str
) -> None:
    plan = scenario.plan(policy="charge", allowance=1, aggregation=aggregation)
    org = scenario.org().on(plan)
    org.plan = plan
    import_id = brings(org.with_period(), 3)
    with transaction() as session:
        session.execute(text("UPDATE usage_periods SET currency = 'USD', closed_at = :now WHERE org_id = :org"),
                        {"org": org.id, "now": org.now})  # fmt: skip
    [usage] = ask(org, import_id).json["usage"]
    assert (usage["events"], usage["quantity"]) == (3, quantity)
    assert words in read(scenario.staff(), path(org, import_id))


def test_a_period_in_which_the_plan_changed_says_so(scenario: Scenario, org: Org) -> None:
    import_id = brings(org, 12)
    scenario.later(hours=1)
    publish_again(scenario.session, org.plan, allowance=20, policy="charge")
    org.on(find_plan(scenario.session, org.plan.key), since=f"{org.now:%Y-%m-%d %H:%M}")
    [usage] = ask(org, import_id).json["usage"]
    assert usage["plan_changed"] is True
    assert "overage before the change is worked out again" in read(scenario.staff(), path(org, import_id))


def test_one_event_is_and_two_are(scenario: Scenario, org: Org) -> None:
    import_id, staff = brings(org, 1), scenario.staff()
    press(staff, path(org, import_id), path(org), **{"import": str(import_id), "reason": "Wrong file"})
    page = read(staff, path(org, import_id))
    assert "1 event was voided." in page
    assert "1 event is voided." in page


def test_a_look_by_api_is_audited(org: Org) -> None:
    import_id = brings(org, 1)
    ask(org, import_id)
    org.scenario.session.rollback()
    seen = select(AuditEntry).where(AuditEntry.org_id == org.id, AuditEntry.action == VIEWED)
    assert len(list(org.scenario.session.scalars(seen))) == 1
