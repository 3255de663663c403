"""The public validator has nothing to say of a month with all that can be billed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import utc
from tests.focus_validator import validate
from tests.portal.invoices.books import Used, bills, closes, month
from tests.portal.invoices.test_usage_charges import CHARGES
from tests.scenario import Scenario

CANNOT_TELL = {
    "EffectiveCost-C-005-C": "asks it of each purchase, where the norm asks it of those that prepay later charges",
    "InvoiceId-C-004-C": "asks that it is null always, where the norm asks it of what is on no invoice",
}
"""Rules with a condition that the validator has no way to check, and why it takes each as broken."""


@pytest.mark.slow
def test_the_public_validator_accepts_a_month(paid: Scenario, tmp_path: Path) -> None:
    org = paid.org()
    at = utc("2026-11-02")
    for number, names in enumerate((("graduated", "package"), ("flat", "minimum"), ("percentage", "volume")), start=6):
        lines = closes(org, month(number), Used("13123.25", CHARGES[names[0]], "1000"),
                       Used("777", CHARGES[names[1]], "10", "documents"))  # fmt: skip
        bills(org, lines, percent_off=15, finalized_at=at, total=90_000, tax=1_900)
    bills(org, closes(org, month(9), Used("60000")), kind="offline", status=None)
    bills(org, closes(org, month(10), Used("60000")), status="void", finalized_at=utc("2026-10-02"), voided_at=at)
    file = tmp_path / "focus.csv"
    file.write_text(org.browser().get("/billing/focus.csv?month=2026-11").text)
    passed, failed = validate(file)
    assert failed == set(CANNOT_TELL)
    assert len(passed) > 200
