"""Help: the reference says what the document says, and every code and call has its page."""

from __future__ import annotations

import html

import pytest

from app.portal.docs import views
from app.portal.docs.reference import build_reference, list_fields
from app.web.problems import PROBLEMS
from tests.scenario import Scenario


def text(scenario: Scenario, path: str) -> str:
    answer = scenario.app.test_client().get(path)
    assert answer.status_code == 200
    return html.unescape(answer.get_data(as_text=True))


def test_the_document_is_public_openapi(scenario: Scenario) -> None:
    answer = scenario.app.test_client().get("/api/v1/openapi.json")
    assert (answer.status_code, answer.content_type, answer.get_json()["openapi"]) == (200, "application/json", "3.1.0")


def test_the_reference_shows_every_call_with_a_line_to_copy(scenario: Scenario) -> None:
    overview = text(scenario, "/docs/api")
    document = scenario.app.test_client().get("/api/v1/openapi.json").get_json()
    for path, methods in document["paths"].items():
        resource = path.split("/")[3]
        page = text(scenario, f"/docs/api/{resource}")
        for method, call in methods.items():
            anchor = call["operationId"].replace(".", "-")
            assert f'<a href="/docs/api/{resource}#{anchor}"><code>{method.upper()} {path}</code></a>' in overview
            assert f'id="{anchor}"' in page
            assert f"{method.upper()} {path}" in page


def test_an_unknown_resource_is_not_found(scenario: Scenario) -> None:
    assert scenario.app.test_client().get("/docs/api/nope").status_code == 404


def test_the_reference_is_built_once_for_everybody(scenario: Scenario) -> None:
    app = scenario.app
    kept = app.extensions["tollkeeper"].shared(views.ReferencePages)
    first = app.test_client().get("/docs/api/usage")
    app.test_client().get("/api/v1/openapi.json")
    built = kept.groups["usage"], kept.bodies["usage"], kept.document
    own = scenario.org().browser().get("/docs/api/usage")
    app.test_client().get("/api/v1/openapi.json")
    assert all(
        is_ is was for is_, was in zip((kept.groups["usage"], kept.bodies["usage"], kept.document), built, strict=True)
    )
    body = first.text[first.text.index('<article class="card doc-call"') :].partition("</main>")[0]
    assert body in own.text, "the reference is the same, the page around it is not"


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_every_code_has_a_page_with_its_meaning(scenario: Scenario, code: str) -> None:
    page = text(scenario, f"/docs/problems/{code}")
    assert PROBLEMS[code].title in page
    assert f"<strong>{PROBLEMS[code].status}</strong>" in page


def test_an_unknown_code_is_not_found(scenario: Scenario) -> None:
    assert scenario.app.test_client().get("/docs/problems/nope").status_code == 404


def test_the_list_of_codes_links_to_each(scenario: Scenario) -> None:
    page = text(scenario, "/docs/problems")
    assert all(f'href="/docs/problems/{code}"' in page for code in PROBLEMS)


def test_the_start_page_leads_everywhere(scenario: Scenario) -> None:
    page = text(scenario, "/docs")
    assert "/docs/api" in page
    assert "/docs/problems" in page


def test_the_style_page_shows_in_the_sandbox(scenario: Scenario) -> None:
    assert "<h1" in text(scenario, "/docs/style")


def test_nested_fields_carry_their_path() -> None:
    document = {
        "components": {"schemas": {"Inner": {"properties": {"n": {"type": "integer"}}, "required": ["n"]}}},
        "servers": [{"url": "http://x"}],
        "paths": {
            "/api/v1/a/{id}": {
                "post": {
                    "operationId": "room.do",
                    "summary": "Do",
                    "description": "Words.\n\nNeeds the scope `usage:write`.",
                    "responses": {"200": {"description": ""}, "404": {"description": "`not_found`: Not found"}},
                    "requestBody": {
                        "content": {
                            "application/json": {
                                "schema": {"properties": {"list": {"type": "array", "items": {"$ref": "#/x/Inner"}}}}
                            }
                        }
                    },
                }
            }
        },
    }
    call = build_reference(document)[0].calls[0]
    assert [(each.name, each.type) for each in call.body] == [("list", "list of any"), ("list[].n", "integer")]
    assert (call.scope, call.notes, call.problems) == ("usage:write", ["Words."], [("404", ["not_found"])])
    assert list_fields(document, None) == []


def test_the_body_of_an_event_is_described_and_what_may_be_sent_instead(scenario: Scenario) -> None:
    document = scenario.app.test_client().get("/api/v1/openapi.json").get_json()
    [usage] = [group for group in build_reference(document) if group.anchor == "usage"]
    fields = {field.name: field for field in usage.calls[0].body}
    assert {"id", "meter", "quantity", "occurred_at", "kind", "metadata", "events"} <= fields.keys()
    assert fields["id"].required
    assert "Instead of the fields above" in fields["events"].note
