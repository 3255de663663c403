"""Which passwords are refused, and how they are stored."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.accounts.models import Org, User
from app.accounts.sign_in import password_rules, passwords
from tests.factories import PASSWORD
from tests.pages import send


@pytest.mark.parametrize("every", [20, pytest.param(1, marks=pytest.mark.long)])
def test_the_first_three_thousand_common_passwords_are_refused(every: int) -> None:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    common = [word for word in FREQUENCY_LISTS["passwords"] if len(word) >= password_rules.MIN_LENGTH][:3000]
    assert len(common) == 3000
    assert [word for word in common[::every] if password_rules.find_problem(word) is None] == []


@pytest.mark.parametrize(
    "password", ["maria.keller", "Keller1!", "mariakeller@example.org", "tollkeeper", "Tollkeeper1"]
)
def test_a_password_of_the_persons_own_words_is_refused(password: str) -> None:
    assert password_rules.find_problem(password, "Maria Keller", "mariakeller@example.org")


@pytest.mark.parametrize(
    "password", [PASSWORD, "correct horse battery staple", "k9!xV2pq", "пять зелёных слонов", "x7" + "q" * 10 + "Zr"]
)
def test_other_passwords_are_taken_without_rules_of_composition(password: str) -> None:
    assert password_rules.find_problem(password, "Maria Keller", "mariakeller@example.org") is None


@pytest.mark.usefixtures("product_costs", "session")
def test_passwords_are_argon2id_at_owasp_strength() -> None:
    stored = passwords.hash_password(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.verify_password(stored, PASSWORD)
    assert not passwords.verify_password(stored, PASSWORD + " ")
    assert not passwords.verify_password(None, PASSWORD)


@pytest.mark.usefixtures("session")
def test_an_accent_composed_two_ways_is_one_password() -> None:
    assert passwords.verify_password(passwords.hash_password("cafe\u0301 au lait"), "caf\u00e9 au lait")


# the popular pattern: a common word, and what a rule of composition or a yearly change adds to it (S17)


@pytest.mark.parametrize(
    "password",
    [
        "Winter2026!",
        "Summer2025!",
        "Spring2024",
        "Autumn2026!",
        "Fall2026!!",
        "Welcome2026!",
        "Welcome123!",
        "Password2026!",
        "Passw0rd2026",
        "P@ssw0rd2026!",
        "Admin2026!",
        "Admin@123",
        "ChangeMe123!",
        "Changeme2026",
        "Letmein2026!",
        "Qwerty2026!",
        "Monday2026!",
        "January2026!",
        "November2026!",
        "Sommer2026!",
        "Hallo2026!",
        "Passwort2026!",
        "Company2026!",
        "London2026!",
        "Football2026!",
        "Liverpool2026",
        "Iloveyou2026!",
        "Abcd1234!",
        "Test1234!",
        "Secret2026!",
        "Summer2026!!",
        "Dragon2026!",
        "Sunshine2026",
        "Princess2026!",
        "Login2026!",
        "Michael2026!",
        "Hunter2026!",
        "Winter@2026",
        "Winter-2026!",
        "2026Winter!",
        "Invierno2026!",
        "Hiver2026!",
        "Verano2026",
        "Oktober2026!",
        "Freitag2026!",
        "Diciembre2026!",
        "Password!2026",
        "Football123!",
        "Tollkeeper2026!",
        "Acme2026!",
        "AcmeCorp2026!",
        "Acme-Corp#1",
        "Maria2026!",
        "Keller1984!",
        "W1nter2026!",
        "$ummer2026",
        "Herbst23!",
        "Printemps26!",
        "!QAZ2wsx",
        "1qaz@WSX",
        "Abc@12345",
        "Willkommen1!",
        "Winter20262026",
        "Winter2026Winter2026",
    ],
)
def test_a_common_word_with_a_year_a_number_or_a_sign_is_refused(password: str) -> None:
    assert password_rules.find_problem(password, "Maria Keller", "m.keller@acme.example", "Acme Corp")


@pytest.mark.parametrize(
    "password",
    [
        "mauve-otter-41",
        "blue.kettle.2026",
        "Tr0ub4dor&3",
        "winter nights in 2026",
        "summerhousewinterboat",
        "7391x-Elephant.q",
        "Xk9mQ2!7",
        "aB3$xY12",
        "7Q!vbn2#",
    ],
)
def test_several_words_and_random_signs_are_taken_also_with_a_year(password: str) -> None:
    assert password_rules.find_problem(password, "Maria Keller", "m.keller@acme.example", "Acme Corp") is None


def test_the_organisations_name_is_no_password(page: FlaskClient, session: Session, org: Org, owner: User) -> None:
    org.name = "Zwentibold Logistics"
    session.commit()
    for new in ("ZwentiboldLogistics1", "Zwentibold2026!", owner.email):
        answer = send(page, "/settings/password", current_password=PASSWORD, new_password=new)
        assert (answer.status_code, "easy to guess" in answer.text) == (422, True)
