import re
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from app.mail.rendering import defang_name, one_line, render_email
from app.settings import PROJECT
from tests.mail.letters import BASE, CONTEXTS

FOLDER = PROJECT / "templates" / "email"
letters = pytest.mark.parametrize("template", sorted(CONTEXTS))


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def test_every_letter_has_a_text_an_html_and_facts_here():
    for kind in ("txt", "html"):
        assert {path.stem for path in FOLDER.glob(f"*.{kind}")} - {"base"} == set(CONTEXTS)


@letters
def test_a_letter_has_one_heading_one_action_and_a_preheader(template):
    letter = render_email(template, CONTEXTS[template])
    page = Page(letter.html)
    assert len(page.all("h1")) == 1
    assert [a["href"] for a in page.all("a") if "button" in a.get("class", "")] == [BASE["link"]]
    assert re.search(r'<div class="preheader"[^>]*>\s*\S', letter.html)
    assert BASE["link"] in letter.text
    assert letter.subject
    assert "\n" not in letter.subject


@letters
def test_a_letter_loads_nothing_and_is_no_larger_than_mail_programs_show(template):
    letter = render_email(template, CONTEXTS[template])
    page = Page(letter.html)
    assert [tag for tag, attrs in page.tags if tag in {"img", "script", "link", "iframe"} or "src" in attrs] == []
    assert all(a["href"].startswith("https://") for a in page.all("a"))
    assert "url(" not in letter.html
    assert len(letter.html.encode()) < 100_000


@letters
def test_a_letter_is_readable_in_the_dark_and_without_a_stylesheet(template):
    html = render_email(template, CONTEXTS[template]).html
    assert "@media (prefers-color-scheme: dark)" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert 'class="button" href="https://billing.example/x/Zm9v" style="' in html


@letters
def test_no_value_can_start_a_line_a_tag_or_a_link_of_its_own(template):
    evil = "Ada\r\nBcc: a@b.c\u2028\x00<script>alert(1)</script> https://evil.example/x"
    context = {key: evil if key in {"name", "org_name", "invited_by", "key_name", "device"} else value
               for key, value in CONTEXTS[template].items()}  # fmt: skip
    letter = render_email(template, context)
    assert "<script>" not in letter.html
    assert "evil.example" not in letter.text + letter.html + letter.subject
    assert "://evil" not in letter.text + letter.html + letter.subject
    assert not any(line.startswith("Bcc") for line in letter.text.splitlines())
    assert letter.subject.isprintable()
    assert len(letter.subject) <= 150


@letters
def test_a_missing_fact_is_an_error_and_not_a_gap(template):
    with pytest.raises(UndefinedError):
        render_email(template, {key: value for key, value in CONTEXTS[template].items() if key != "link"})


def test_the_confirmation_does_not_repeat_the_name_that_a_stranger_chose():
    letter = render_email("verify_email", BASE | {"name": "Free money"})
    assert "Free money" not in letter.text + letter.html


def test_text_is_made_one_line_and_other_values_stay():
    assert one_line([" a\tb\n", 1, None, ("x\r",)]) == ["a b", 1, None, ["x"]]


@pytest.mark.parametrize(
    ("name", "shown"), [("evil.example", "evil\u2024example"), ("St. John", "St. John"), ("x" * 200, "x" * 100)]
)
def test_a_name_is_no_link_and_not_endless(name, shown):
    assert defang_name(name) == shown
