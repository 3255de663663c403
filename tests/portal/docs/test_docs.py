"""Help: the reference says what the document says, and every code and call has its page."""

from __future__ import annotations

import html

import pytest

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
    page = text(scenario, "/docs/api")
    document = scenario.app.test_client().get("/api/v1/openapi.json").get_json()
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in page


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
