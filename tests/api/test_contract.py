"""The API against its own description: what the OpenAPI document promises, the running app does."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from app.web.database import db
from tests.factories import bearer, have_default_plan, make_key, make_org, make_plan, subscribe

MODES = {"as described": GenerationMode.POSITIVE, "against the description": GenerationMode.NEGATIVE}


@pytest.fixture(scope="module")
def keys(app: Flask) -> dict[str, str]:
    """A key that may do all in its org, on a plan that counts no requests; and a key of staff."""
    with app.app_context():
        session = db.session()
        have_default_plan(session)
        org = make_org(session)
        subscribe(session, org, make_plan(session, allowance=1_000_000))
        staff = make_key(session, None, scopes=("admin:read", "admin:write"))
        made = {"org": make_key(session, org), "staff": staff}
        db.session.remove()
    return made


def paths(app: Flask) -> set[str]:
    return set(app.extensions["tollkeeper.openapi"]["paths"])


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("examples", [4, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.slow
def test_every_call_keeps_what_its_description_promises(
    app: Flask, keys: dict[str, str], mode: str, examples: int
) -> None:
    described = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    broken, tried = [], 0
    for found in described.get_all_operations():
        operation = found.ok()
        key = keys["staff" if "/admin/" in operation.path else "org"]
        try:
            tried += _try(operation, MODES[mode], key, examples)
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001  (all broken calls are told, not only the first)
            broken.append(f"{operation.method.upper()} {operation.path}: {_words(error)}")
    assert broken == [], "\n\n".join(broken)[:12_000]
    assert tried >= len(paths(app))


def _try(operation: schemathesis.schemas.APIOperation, mode: GenerationMode, key: str, examples: int) -> int:
    cases = 0

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=examples, deadline=None, derandomize=True, database=None,
              phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip
    def each(case: schemathesis.Case) -> None:
        nonlocal cases
        # An empty list is no parameter at all once it stands in an address.
        assume(not any(value in ([], {}) for value in dict(case.query or {}).values()))
        cases += 1
        case.call_and_validate(headers=bearer(key), excluded_checks=_not_asked(operation.path))

    each()
    return cases


def _not_asked(path: str) -> list[Any]:
    # A call may be refused although its form is right: an unknown meter, an event of last year.
    refusable = [positive_data_acceptance]
    # One bad event never fails its batch: the answer is 200 and names it.
    return [*refusable, negative_data_rejection] if path.endswith("/usage/events") else refusable


def _words(error: BaseException) -> str:
    inside = getattr(error, "exceptions", ())
    return "; ".join([str(error), *(str(each) for each in inside)])
