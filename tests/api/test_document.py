"""Other programs can use the OpenAPI document: its schemas compile, its examples are valid, its names are unique."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask import Flask

from app.kit.errors import InvalidRequest
from app.payments.schemas import PlanChosen
from app.web.json import decode
from tests.node import NODE, NODE_PACKAGES, need

CHECKER = Path(__file__).with_name("clients") / "check_schemas.mjs"


@pytest.fixture
def document(app: Flask) -> dict[str, Any]:
    found: dict[str, Any] = app.test_client().get("/api/v1/openapi.json").get_json()
    return found


@pytest.mark.slow
def test_every_schema_compiles_and_every_example_is_valid(document: dict[str, Any], tmp_path: Path) -> None:
    need(NODE_PACKAGES / "ajv", NODE_PACKAGES / "ajv-formats")
    (tmp_path / "node_modules").symlink_to(NODE_PACKAGES)
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    checker = tmp_path / CHECKER.name
    checker.write_text(CHECKER.read_text())
    done = subprocess.run([str(NODE), checker, tmp_path / "openapi.json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["faults"] == []
    assert found["schemas"] > len(document["components"]["schemas"])
    assert found["examples"] >= sum(1 for _ in operations(document))


def test_every_schema_has_a_title_of_its_own_which_is_its_name(document: dict[str, Any]) -> None:
    titles = {name: schema["title"] for name, schema in document["components"]["schemas"].items()}
    assert titles == {name: name for name in titles}
    assert not [name for name in titles if "." in name]


def test_every_answer_has_a_type_and_an_example(document: dict[str, Any]) -> None:
    """A file is text of the types that it says."""
    for operation in operations(document):
        answers = operation["responses"]["200"]["content"]
        if operation["operationId"] in {"metering.export_usage", "invoices.export_focus"}:
            assert [answers[type_]["schema"] for type_ in answers] == [{"type": "string"}] * len(answers)
            if "application/jsonl" in answers:
                assert json.loads(answers["application/jsonl"]["examples"]["example"]["value"])["meter"]
            continue
        content = answers["application/json"]
        assert content["schema"].keys() == {"$ref"}, operation["operationId"]
        assert content["examples"], operation["operationId"]


def test_times_are_described_as_times(document: dict[str, Any]) -> None:
    times = [
        (name, field, shape)
        for name, schema in document["components"]["schemas"].items()
        for field, shape in schema["properties"].items()
        if field.endswith(("_at", "as_of"))
    ]
    assert len(times) > 20
    assert [(name, field) for name, field, shape in times if "date-time" not in json.dumps(shape)] == []


@pytest.mark.parametrize("currency", ["USD\n", "\nUSD", "USDX", "usd"])
def test_a_pattern_judges_the_whole_text_although_the_document_says_it_in_another_dialect(currency: str) -> None:
    body = msgspec.json.encode({"plan": "pro", "currency": currency})
    with pytest.raises(InvalidRequest) as refused:
        decode(body, PlanChosen)
    assert [error.field for error in refused.value.errors] == ["currency"]


def operations(document: dict[str, Any]) -> Any:
    return (operation for methods in document["paths"].values() for operation in methods.values())
