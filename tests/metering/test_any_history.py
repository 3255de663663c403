"""After any history of events, duplicates, conflicts, late ones, limits and windows the books are the model's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.metering.model import Model
from tests.metering.world import MONTHS, NOW, World, event

END = datetime(2026, 12, 20, tzinfo=NOW.tzinfo)
LATE = [None, *(timedelta(days=days) for days in (0, 3, 22, 40, -1)), timedelta(minutes=-4)]
amounts = st.one_of(st.none(), st.integers(0, 60))
limits = st.fixed_dictionaries(
    {"policy": st.sampled_from(["block", "charge", "warn"]), "allowance": amounts},
    optional={name: st.integers(1, 30) for name in ("per_minute", "per_hour", "per_day")},
)
events = st.fixed_dictionaries(
    {
        "id": st.sampled_from([f"id-{n}" for n in range(40)]),
        "meter": st.sampled_from(["t_sum", "t_sum", "t_count", "t_max", "t_people", "nothing"]),
        "quantity": st.sampled_from(["0", "1", "2.5", "7", "20", "61"]),
        "late": st.sampled_from(LATE),
    },
    optional={"user": st.sampled_from(["ann", "bob", "eve"])},
)


class Histories(RuleBasedStateMachine):
    """One org lives through a history twice: in PostgreSQL and in the model."""

    world: ClassVar[World]

    @initialize()
    def begin(self) -> None:
        self.now, self.model = NOW, Model()
        self.org: UUID = self.world.org()

    @rule(sent=events)
    def one(self, sent: dict[str, Any]) -> None:
        fields = self.at(sent)
        expected = self.model.send(fields, self.now)
        assert self.world.one(self.org, event(**fields), self.now).code == expected

    @rule(batch=st.lists(events, min_size=1, max_size=12))
    def many(self, batch: list[dict[str, Any]]) -> None:
        given = [self.at(each) for each in batch]
        expected = [self.model.send(each, self.now) for each in given]
        done = self.world.many(self.org, [event(**each) for each in given], self.now)
        refused = [(i, code) for i, code in enumerate(expected) if code not in {"recorded", "duplicate"}]
        assert (done.recorded, done.duplicates) == (expected.count("recorded"), expected.count("duplicate"))
        assert [(each.index, each.code) for each in done.refused] == refused

    @rule(by=st.sampled_from([timedelta(seconds=20), timedelta(minutes=25), timedelta(hours=9), timedelta(days=8)]))
    def wait(self, by: timedelta) -> None:
        self.now = min(self.now + by, END)

    @rule(meter=st.sampled_from(["t_sum", "t_count", "t_max", "t_people"]), limit=limits)
    def change(self, meter: str, limit: dict[str, Any]) -> None:
        self.model.limits[meter] = limit
        self.world.limit(self.org, meter, **limit)

    @invariant()
    def books_are_the_models(self) -> None:
        self.world.books_agree(self.org)
        rows = self.world.run(
            "SELECT m.key, c.period_start, c.used FROM usage_counters c JOIN meters m ON m.id = c.meter_id"
            " WHERE c.org_id = %s",
            (self.org,),
        )
        assert {(meter, start): used for meter, start, used in rows} == self.model.used

    def at(self, sent: dict[str, Any]) -> dict[str, Any]:
        """The event with its time: none given, or the present less the delay, cut to the periods that exist."""
        fields = {name: value for name, value in sent.items() if name != "late"}
        if sent["late"] is not None:
            fields["occurred_at"] = max(self.now - sent["late"], MONTHS[0])
        return fields


def live(world: World, examples: int, steps: int) -> None:
    machine = type("Histories", (Histories,), {"world": world})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.mark.slow
def test_counters_equal_events_and_the_model_after_each_step(world: World) -> None:
    live(world, examples=12, steps=25)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_counters_equal_events_and_the_model_over_long_histories(world: World) -> None:
    live(world, examples=250, steps=50)
