from datetime import timedelta
from threading import Event, Thread
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.kit.errors import NotFound
from app.mail.models import Mail
from app.mail.service import CLAIM, claim_email, queue_email, retry_email
from app.mail.smtp import NotSent, SmtpServer
from app.mail.tasks import TASKS, deliver_email, smtp_server
from tests.mail.conftest import NOW, free_port
from tests.mail.letters import CONTEXTS
from tests.support.copy import copy
from tests.support.roles import BY_HAND
from tests.support.settings import make_settings

run_task = TASKS["mail.send"]


@pytest.fixture
def post(session):
    """Put a letter into the outbox and commit; gives its id."""

    def posted(to="ada@example.com", template="reset_password", key=None):
        mail_id = queue_email(session, template, to, context=CONTEXTS[template], key=key or f"k:{uuid4()}", now=NOW)
        session.commit()
        return mail_id

    return posted


def queued(session, mail_id):
    count = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'mail.send' AND args->>'mail_id' = :id"
    return session.execute(text(count), {"id": str(mail_id)}).scalar_one()


def row(session, mail_id):
    session.expire_all()
    return session.get(Mail, mail_id)


@pytest.fixture
def deliver(mailbox):
    """Deliver a letter to the mailbox, as the task does, at an instant."""

    def delivered(session, mail_id, now=NOW):
        deliver_email(session, mail_id, smtp_server(make_settings("", smtp_port=mailbox.port)), now=lambda: now)

    return delivered


def away():
    return SmtpServer("127.0.0.1", free_port(), "billing@portal.example")


def test_a_letter_arrives_as_text_and_html_with_the_headers_of_a_machine(session, post, mailbox):
    mail_id = post(key="reset:1")
    run_task(str(mail_id))
    (letter,) = mailbox.letters
    assert letter["From"] == "Tollkeeper <billing@portal.example>"
    assert (letter["To"], letter["Subject"]) == ("ada@example.com", "Choose a new password")
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"] == "Sat, 21 Nov 2026 12:00:00 +0000"
    assert letter["Message-ID"].endswith("@portal.example>")
    assert letter.get_body(("plain",)).get_content().startswith(copy("mail.greeting", person="Ada"))
    assert "<h1" in letter.get_body(("html",)).get_content()
    assert mailbox.recipients == [["ada@example.com"]]


def test_a_sent_letter_is_marked_and_its_words_are_gone(session, post):
    mail_id = post()
    run_task(str(mail_id))
    mail = row(session, mail_id)
    assert (mail.state, mail.attempts, mail.sent_at, mail.last_error) == ("sent", 1, NOW, None)
    assert (mail.body_text, mail.body_html) == (None, None)


def test_row_and_task_leave_with_the_commit_and_not_before(session, mailbox):
    mail_id = queue_email(
        session, "verify_email", "a@example.com", context=CONTEXTS["verify_email"], key=str(uuid4()), now=NOW
    )
    assert isinstance(mail_id, UUID)
    assert queued(session, mail_id) == 1
    session.rollback()
    assert queued(session, mail_id) == 0
    assert row(session, mail_id) is None
    run_task(str(mail_id))
    assert mailbox.letters == []


def test_a_second_letter_under_one_key_is_not_made(session, post):
    key = f"k:{uuid4()}"
    first, second = post(key=key), post(to="other@example.com", key=key)
    assert first == second
    assert queued(session, first) == 1
    assert row(session, first).to_address == "ada@example.com"


def test_a_task_that_runs_twice_sends_once(session, post, mailbox):
    mail_id = post()
    run_task(str(mail_id))
    run_task(str(mail_id))
    assert len(mailbox.letters) == 1


def test_two_workers_at_one_letter_send_it_once(app, session, post, mailbox):
    mail_id = post()

    def work():
        with app.app_context():
            run_task(str(mail_id))

    mailbox.hold = Event()
    first = Thread(target=work)
    first.start()
    assert mailbox.entered.wait(5)
    with pytest.raises(NotSent, match="Another worker"):
        run_task(str(mail_id))
    assert row(session, mail_id).attempts == 1
    mailbox.hold.set()
    first.join()
    run_task(str(mail_id))
    assert len(mailbox.letters) == 1


def test_no_transaction_is_open_while_a_mail_server_is_spoken_to(app, session, post, mailbox):
    mail_id = post()
    session.rollback()
    mailbox.hold = Event()

    def work():
        with app.app_context():
            run_task(str(mail_id))

    sending = Thread(target=work)
    sending.start()
    assert mailbox.entered.wait(5)
    open_ones = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
        " AND backend_type = 'client backend' AND query NOT LIKE '%pg_sleep%'"  # a sleeper that another test left
    )
    session.execute(BY_HAND)  # who may see other sessions
    found = session.execute(text(f"{open_ones} AND pid <> pg_backend_pid()")).scalar_one()
    mailbox.hold.set()
    sending.join()
    assert found == 0


def test_a_letter_whose_worker_died_is_sent_by_another_once_its_claim_has_ended(session, post, deliver, mailbox):
    mail_id = post()
    assert claim_email(session, mail_id, now=NOW)
    session.commit()
    with pytest.raises(NotSent):
        deliver(session, mail_id, now=NOW + CLAIM - timedelta(seconds=1))
    deliver(session, mail_id, now=NOW + CLAIM)
    assert len(mailbox.letters) == 1
    assert (row(session, mail_id).state, row(session, mail_id).claimed_until) == ("sent", None)


def test_a_crash_after_the_servers_word_sends_the_same_message_id_again(session, post, deliver, mailbox):
    mail_id = post()
    deliver(session, mail_id)
    changed = (
        "UPDATE mail_outbox SET state = 'waiting', sent_at = NULL, body_text = 'x', body_html = 'x' WHERE id = :id"
    )
    session.execute(text(changed), {"id": mail_id})
    session.commit()
    run_task(str(mail_id))
    first, second = mailbox.letters
    assert first["Message-ID"].split("@")[0] == second["Message-ID"].split("@")[0]
    assert row(session, mail_id).state == "sent"


def test_two_letters_have_two_message_ids(session, post, mailbox):
    for mail_id in (post(), post()):
        run_task(str(mail_id))
    first, second = mailbox.letters
    assert first["Message-ID"] != second["Message-ID"]


def test_a_recipient_refused_for_good_is_parked_at_once(session, post, mailbox):
    mail_id = post(to="gone@example.com")
    run_task(str(mail_id))
    mail = row(session, mail_id)
    assert (mail.state, mail.attempts) == ("failed", 1)
    assert mail.last_error == "550 5.1.1 no such mailbox"
    assert mail.body_text
    assert mailbox.letters == []


def test_a_recipient_refused_for_now_is_tried_again(session, post):
    mail_id = post(to="busy@example.com")
    with pytest.raises(NotSent, match="451"):
        run_task(str(mail_id))
    mail = row(session, mail_id)
    assert (mail.state, mail.attempts, mail.last_error) == ("waiting", 1, "451 4.3.0 try again later")


def test_with_the_server_away_a_letter_waits_and_leaves_when_it_is_back(session, post, mailbox):
    mail_id = post()
    with pytest.raises(NotSent, match="ConnectionRefused"):
        deliver_email(session, mail_id, away(), now=lambda: NOW)
    assert (row(session, mail_id).state, row(session, mail_id).attempts) == ("waiting", 1)
    run_task(str(mail_id))
    assert len(mailbox.letters) == 1
    assert row(session, mail_id).last_error is None


def test_after_five_tries_a_letter_is_parked_and_can_be_sent_again_by_hand(session, post, mailbox):
    mail_id = post()
    for attempt in range(1, 6):
        with pytest.raises(NotSent):
            deliver_email(session, mail_id, away(), now=lambda at=NOW + timedelta(minutes=attempt): at)
    assert (row(session, mail_id).state, row(session, mail_id).attempts) == ("failed", 5)
    run_task(str(mail_id))
    assert mailbox.letters == []
    retry_email(session, mail_id)
    retry_email(session, mail_id)
    session.commit()
    assert queued(session, mail_id) == 2
    run_task(str(mail_id))
    assert row(session, mail_id).state == "sent"
    retry_email(session, mail_id)
    assert row(session, mail_id).state == "sent"


def test_sending_again_what_is_not_there_says_so(session):
    with pytest.raises(NotFound):
        retry_email(session, uuid4())


@pytest.mark.parametrize(
    "to",
    [
        "",
        "ada",
        "a@b.c, d@e.f",
        "a@b.c\r\nBcc: d@e.f",
        "a@b.c\n",
        "@b.c",
        "a@",
        "Ada <a@b.c>",
        "a b@c.d",
        "a@b..c",
        "a@b.c;d@e.f",
    ],
)
def test_what_is_not_exactly_one_address_gets_no_letter(session, to):
    with pytest.raises(ValueError, match="not a mail address"):
        queue_email(session, "verify_email", to, context=CONTEXTS["verify_email"], key=str(uuid4()), now=NOW)


def test_an_address_with_letters_of_the_world_arrives(session, post, mailbox):
    mail_id = post(to="dörte@bücher.example")
    run_task(str(mail_id))
    assert mailbox.recipients == [["dörte@xn--bcher-kva.example"]]


def test_the_database_keeps_no_letter_in_a_state_that_does_not_exist(session, post):
    mail_id = post()
    for change in ("state = 'sent'", "state = 'lost'", "body_text = NULL", "attempts = -1"):
        with pytest.raises(Exception, match="ck_mail_outbox"), session.begin_nested():
            session.execute(text(f"UPDATE mail_outbox SET {change} WHERE id = :id"), {"id": mail_id})
