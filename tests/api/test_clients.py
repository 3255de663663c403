"""Clients that three generators make of the OpenAPI document record, read and ask for limits over real HTTP."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from app.web.database import db
from tests.factories import make_key, make_org, make_plan, subscribe
from tests.node import NODE, NODE_PACKAGES, need
from tests.today import FixedClock

SOURCES = Path(__file__).with_name("clients")
GENERATOR = NODE_PACKAGES / "openapi-typescript" / "bin" / "cli.js"
ZOD_GENERATOR = NODE_PACKAGES / "openapi-zod-client" / "bin.js"
COMPILER = NODE_PACKAGES / "typescript" / "bin" / "tsc"
PARTS = [NODE_PACKAGES / name for name in ("openapi-fetch", "@zodios/core", "zod", "axios")]


@pytest.fixture(scope="module")
def base(app: Flask) -> Iterator[str]:
    """The address of the app, served over HTTP by a thread."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def customer(app: Flask, clock: FixedClock, wall: FixedClock) -> tuple[str, str]:
    """A key of an org of its own, and a meter of which its plan allows 100."""
    with app.app_context():
        session = db.session()
        org, plan = make_org(session), make_plan(session, allowance=100)
        subscribe(session, org, plan)
        key = make_key(session, org)
        db.session.remove()
    return key, plan.meter


@pytest.fixture(scope="module")
def document(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The document as it is served, in a folder of its own."""
    written = tmp_path_factory.mktemp("clients") / "openapi.json"
    written.write_bytes(app.test_client().get("/api/v1/openapi.json").data)
    return written


@pytest.fixture(scope="module")
def folder(document: Path) -> Path:
    """The document's folder, with all that a client of TypeScript needs beside it."""
    need(GENERATOR, ZOD_GENERATOR, COMPILER, *PARTS)
    folder = document.parent
    (folder / "node_modules").symlink_to(NODE_PACKAGES)
    for source in (*SOURCES.glob("*.mts"), SOURCES / "tsconfig.json"):
        (folder / source.name).write_text(source.read_text())
    return folder


def generate_fetch(document: Path) -> None:
    """The types of openapi-typescript are all that it makes, so its client is type-checked."""
    run(NODE, GENERATOR, document, "--default-non-nullable=false", "-o", document.with_name("schema.d.mts"))
    run(NODE, COMPILER, "--project", document.parent)


def generate_zod(document: Path) -> None:
    """Zod checks when it runs, and its types would take the compiler four seconds."""
    folder = document.parent
    run(NODE, ZOD_GENERATOR, document, "-o", folder / "zod.mts")
    untyped = ("--noCheck", "--noResolve", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler")
    run(NODE, COMPILER, *untyped, "--outDir", folder / "out", folder / "zod.mts", folder / "zod_client.mts")


GENERATORS = {"fetch": generate_fetch, "zod": generate_zod}


@pytest.mark.parametrize("client", ["fetch", pytest.param("zod", marks=pytest.mark.long)])
@pytest.mark.slow
def test_a_typescript_client_records_reads_and_checks(
    folder: Path, document: Path, base: str, customer: tuple[str, str], client: str
) -> None:
    GENERATORS[client](document)
    key, meter = customer
    answers = json.loads(run(NODE, folder / "out" / f"{client}_client.mjs", base, key, meter))
    assert answers == {
        "recorded": 1,
        "duplicates": 1,
        "refused": "unknown_meter",
        "read": [[f"{client}-{meter}", "2.5"]],
        "allowed": [True, True, False],
    }


@pytest.fixture(scope="module")
def python(document: Path) -> Iterator[str]:
    """The name of the package that openapi-python-client makes; whatever it would leave untyped is an error."""
    settings = document.with_name("generator.json")
    settings.write_text(json.dumps({"post_hooks": [], "package_name_override": "tollkeeper_client"}))
    run(
        sys.executable, "-m", "openapi_python_client", "generate", "--path", document, "--config", settings,
        "--meta", "none", "--output-path", document.with_name("tollkeeper_client"), "--fail-on-warning",
    )  # fmt: skip
    sys.path.insert(0, str(document.parent))
    yield "tollkeeper_client"
    sys.path.remove(str(document.parent))


@pytest.mark.slow
def test_a_python_client_records_reads_and_checks(python: str, base: str, customer: tuple[str, str]) -> None:
    def part(name: str) -> Any:
        return importlib.import_module(f"{python}.{name}")

    key, meter = customer
    models, calls = part("models"), "api.metering.metering"
    record, check = part(f"{calls}_record_events"), part(f"{calls}_check_usage")
    event = models.Event(id=f"python-{meter}", meter=meter, quantity="2.5")
    with part("client").AuthenticatedClient(base_url=base, token=key) as client:
        first = record.sync(client=client, body=event)
        again = record.sync(client=client, body=models.BatchRequest(events=[event]))
        refused = record.sync(client=client, body=models.Event(id="other", meter="nope"))
        read = part(f"{calls}_list_events").sync(client=client, meter=meter, limit=1)
        one = check.sync(client=client, body=models.CheckRequest(meter=meter, quantity=1))
        questions = [models.Question(meter=meter), models.Question(meter=meter, quantity=1000)]
        both = check.sync(client=client, body=models.CheckRequest(checks=questions))
    assert (first.recorded, again.duplicates, refused.code) == (1, 1, "unknown_meter")
    assert [(each.id, each.quantity, each.occurred_at.tzinfo is None) for each in read.events] == [
        (event.id, "2.5", False)
    ]
    assert [one.allowed, *(each.allowed for each in both.checks)] == [True, True, False]


def test_a_python_client_knows_the_type_of_every_answer(python: str, document: Path) -> None:
    modules = [path for path in (document.parent / python / "api").rglob("*.py") if path.name != "__init__.py"]
    served = json.loads(document.read_text())["paths"]
    assert len(modules) == sum(len(methods) for methods in served.values())
    assert [path.name for path in modules if "Response[Any" in path.read_text()] == []


def run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[1]}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout
