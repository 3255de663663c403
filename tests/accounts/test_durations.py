"""The times and counts that pages state in words are those of the code."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.accounts.identity import FRESH
from app.accounts.orgs import invitations
from app.accounts.sign_in.email_tokens import LIFETIME
from app.accounts.sign_in.mail_limits import RESET, VERIFY
from app.accounts.sign_in.sessions import IDLE, SESSION_LIFETIME
from app.settings import PROJECT

NUMBERS = {1: "one", 3: "three", 5: "five", 6: "six", 7: "seven", 10: "ten"}
UNITS = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))


def in_words(span: timedelta) -> str:
    unit, number = next((unit, span // length) for unit, length in UNITS if span >= length)
    return f"{NUMBERS.get(number, number)} {unit}{'' if number == 1 else 's'}"


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("settings/sessions", f"after {in_words(IDLE)} of inactivity, and after {in_words(SESSION_LIFETIME)} in"),
        ("settings/members", f"expires after {in_words(invitations.LIFETIME)}."),
        ("sign_in/confirm_password", f"We won't ask again for {in_words(FRESH)}."),
        ("sign_in/resend", f"up to {NUMBERS[VERIFY.count]} times in {in_words(VERIFY.within)}."),
        ("sign_in/reset_sent", f"It works for {in_words(LIFETIME['reset'])}. We send"),
        ("sign_in/reset_sent", f"at most {NUMBERS[RESET.count]} a day, unless"),
        ("sign_in/sign_up_sent", f"It works for {in_words(LIFETIME['verify'])}."),
    ],
)  # fmt: skip
def test_a_page_states_the_time_that_the_code_allows(template: str, sentence: str) -> None:
    assert sentence in (PROJECT / "templates" / "accounts" / f"{template}.html").read_text(encoding="utf-8")


def test_the_daily_limit_of_password_links_is_counted_over_a_day() -> None:
    assert timedelta(days=1) == RESET.within
