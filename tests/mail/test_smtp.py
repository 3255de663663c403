import pytest

from app.mail.smtp import NotSent, SmtpServer, compose_message, send_message
from app.mail.tasks import smtp_server
from tests.mail.conftest import NOW
from tests.support.settings import make_settings

SENDER = "Tollkeeper <billing@portal.example>"
# The server of the test has no certificate; what it asks for is what is tested.
in_the_clear = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


def message(server, **changed):
    words = {"key": "k", "to": "ada@example.com", "subject": "S", "text": "T\n", "html": "<p>T</p>", "now": NOW}
    return compose_message(server, **(words | changed))


@in_the_clear
def test_a_server_that_wants_a_password_gets_it(guarded):
    server = SmtpServer("127.0.0.1", guarded.port, SENDER, user="portal", password="s3cret-word")
    send_message(server, message(server))
    assert len(guarded.letters) == 1


@in_the_clear
def test_a_wrong_password_is_a_failure_that_does_not_name_it(guarded):
    server = SmtpServer("127.0.0.1", guarded.port, SENDER, user="portal", password="wrong-s3cret")
    with pytest.raises(NotSent) as failure:
        send_message(server, message(server))
    assert not failure.value.final
    assert "wrong-s3cret" not in str(failure.value) + repr(server)
    assert guarded.letters == []


def test_nothing_leaves_in_the_clear_where_encryption_was_asked_for(mailbox):
    server = SmtpServer("127.0.0.1", mailbox.port, SENDER, tls=True)
    with pytest.raises(NotSent, match="STARTTLS"):
        send_message(server, message(server))
    assert mailbox.letters == []


def test_a_server_that_speaks_no_tls_on_its_tls_port_is_a_failure():
    server = SmtpServer("127.0.0.1", 465, SENDER)
    with pytest.raises(NotSent):
        send_message(server, message(server))


@pytest.mark.parametrize("subject", ["Grüße an Dörte, 漢字", "x" * 150])
def test_a_subject_of_any_letters_arrives_as_it_was(mailbox, subject):
    server = SmtpServer("127.0.0.1", mailbox.port, SENDER)
    send_message(server, message(server, subject=subject, text="Grüße\n" + "long " * 400, html="<p>漢字</p>"))
    (letter,) = mailbox.letters
    assert letter["Subject"] == subject
    assert letter.get_body(("plain",)).get_content().splitlines()[0] == "Grüße"
    assert "漢字" in letter.get_body(("html",)).get_content()


def test_a_header_cannot_hold_a_line_break():
    with pytest.raises(ValueError, match="linefeed"):
        message(SmtpServer("h", 25, SENDER), subject="a\r\nBcc: x@y.z")


def test_a_sender_without_a_domain_still_gives_a_message_id():
    assert message(SmtpServer("h", 25, "root"))["Message-ID"].endswith("@localhost>")


def test_the_settings_say_where_mail_goes():
    settings = make_settings("", smtp_host="mx.example", smtp_port=587, smtp_user="u", smtp_password="p", smtp_tls=True)
    assert smtp_server(settings) == SmtpServer("mx.example", 587, settings.mail_from, "u", "p", tls=True)
