"""A real trace of an LLM service through the API: three meters an hour long, totals equal to the file's.

The trace is Azure's `AzureLLMInferenceTrace_code.csv` (CC BY 4.0), which is not part of the project.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import islice

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.metering.tasks import fold_due
from app.settings import PROJECT
from tests.factories import bearer, make_key, make_org, make_plan

TRACE = PROJECT.parent / "shared" / "data" / "azure_llm_code_2023.csv.gz"
BATCH = 3000

pytestmark = [
    pytest.mark.dated,
    pytest.mark.skipif(not TRACE.exists(), reason="the trace is not beside this checkout"),
]


@pytest.mark.slow
def test_totals_of_a_real_trace_equal_the_files(client: FlaskClient, session: Session) -> None:
    meters = [make_plan(session, meter=f"trace_{number}").meter for number in range(3)]
    key = make_key(session, make_org(session))
    sent = list(events(meters))
    assert len(sent) == 3 * 8_819
    rest = iter(sent)
    while batch := list(islice(rest, BATCH)):
        answer = client.post("/api/v1/usage/events", json={"events": batch}, headers=bearer(key)).get_json()
        assert (answer["recorded"], answer["duplicates"], answer["refused"]) == (len(batch), 0, [])
    again = client.post("/api/v1/usage/events", json={"events": sent[:BATCH]}, headers=bearer(key)).get_json()
    assert (again["recorded"], again["duplicates"]) == (0, BATCH)

    expected = {m: sum(Decimal(e["quantity"]) for e in sent if e["meter"] == m) for m in meters}
    assert used(client, key, meters) == expected
    fold_due()
    assert used(client, key, meters) == expected
    month = client.get("/api/v1/usage/history?months=1", headers=bearer(key)).get_json()["months"][-1]
    assert {each["meter"]: Decimal(each["used"]) for each in month["meters"] if each["meter"] in meters} == expected


def used(client: FlaskClient, key: str, meters: list[str]) -> dict[str, Decimal]:
    current = client.get("/api/v1/usage/current", headers=bearer(key)).get_json()
    return {each["meter"]: Decimal(each["used"]) for each in current["meters"] if each["meter"] in meters}


def events(meters: list[str]) -> Iterator[dict[str, str]]:
    """Each row as three events; its day, and only its day, moved to the day before the clock's."""
    with gzip.open(TRACE, "rt", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file)):
            day, _, time = row["TIMESTAMP"].partition(" ")
            moved = date.fromisoformat(day) + (date(2026, 11, 20) - date(2023, 11, 16))
            at = f"{moved}T{time}Z"
            amounts = ("1", row["ContextTokens"], row["GeneratedTokens"])
            for meter, quantity in zip(meters, amounts, strict=True):
                yield {"id": f"{number}-{meter}", "meter": meter, "quantity": quantity, "occurred_at": at}
