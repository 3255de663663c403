"""An installation as compose.yaml starts it, without Docker: commands, granian and the proxy as it says.

The ports are their own, the database is on the test cluster.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path
from uuid import uuid4

import pytest

from app.settings import PROJECT
from tests.browser.stack import free_port, until
from tests.support.compose import fill_template, image_environment, proxy_template, services

HOST = "127.0.0.1"
_SYSTEM = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"  # a user's PATH may lack these
_OUTSIDE = ("PATH", "HOME", "LANG", "PYTHONPATH")


@dataclass(frozen=True)
class Deployment:
    """The proxy's https port, the port behind it, and where the proxy writes its lines."""

    https: int
    http: int
    direct: int
    folder: Path
    tls: ssl.SSLContext

    @property
    def base(self) -> str:
        """BASE_URL."""
        return f"https://{HOST}:{self.https}"

    @property
    def log(self) -> Path:
        """What the proxy said."""
        return self.folder / "proxy.log"

    def connection(self, source: str = HOST, timeout: float = 10) -> HTTPSConnection:
        """A connection to the proxy from an address of this machine."""
        return HTTPSConnection(HOST, self.https, timeout=timeout, context=self.tls, source_address=(source, 0))

    def ask(
        self,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        source: str = HOST,
        seconds: float = 10,
    ) -> tuple[HTTPResponse, bytes]:
        """Ask through the proxy: GET, or POST where there is a body. The answer, and its body as sent."""
        connection = self.connection(source, seconds)
        try:
            connection.request("GET" if body is None else "POST", path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


def proxy_program() -> str:
    """The proxy's program; skips with a reason where it or openssl is missing. In CI nothing skips."""
    found = {name: shutil.which(name, path=_SYSTEM) for name in ("nginx", "openssl")}
    if missing := [name for name, path in found.items() if path is None]:
        words = f"missing: {', '.join(missing)}; .ci/run installs them (Debian: apt-get install {' '.join(missing)})"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    return str(found["nginx"])


@contextmanager
def deployed(dot_env: Mapping[str, str], database: str) -> Iterator[Deployment]:
    """Web and proxy as the compose file starts them; `database` is the superuser's address."""
    program, port = proxy_program(), free_port()
    folder = Path("/tmp") / f"tollkeeper-proxy-{uuid4().hex[:8]}"  # which the proxy's own user may enter
    folder.mkdir(mode=0o755)
    try:
        tls = _make_certificate(folder)
        made = Deployment(port + 1, port + 2, port, folder, tls)
        started = services({**dot_env, "BASE_URL": made.base, "TLS_FOLDER": str(folder)})
        with _web(made, started["web"]["environment"], database), _proxy(made, started["proxy"], program):
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_certificate(folder: Path) -> ssl.SSLContext:
    """A certificate of its own for this machine, in the files that the proxy reads; a context that trusts it alone."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run([*command.split(), "-addext", f"subjectAltName=IP:{HOST}", *files], check=True, capture_output=True)
    return ssl.create_default_context(cafile=str(folder / "fullchain.pem"))


def run_service(dot_env: Mapping[str, str], name: str, database: str, *words: str) -> subprocess.CompletedProcess[str]:
    """What a service's own command does, or `words` in its place, as with `docker compose run`."""
    service = services({"TLS_FOLDER": "none", **dot_env})[name]
    command = [sys.executable, "-m", *(words or service["command"])]
    env = _environment(service["environment"], database)
    return subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False)


def _environment(told: Mapping[str, object], database: str) -> dict[str, str]:
    """The image's environment and the service's; of the databases' addresses the roles are kept."""
    env = {name: os.environ[name] for name in _OUTSIDE if name in os.environ}
    env |= {name: value for name, value in image_environment().items() if name != "PATH"}
    env |= {name: str(value) for name, value in told.items()}
    for name in env:
        if name.endswith("DATABASE_URL"):
            role = env[name].removeprefix("postgresql://").partition(":")[0]
            env[name] = database.replace("postgres@", f"{role}@", 1)
    return env


@contextmanager
def _web(made: Deployment, told: Mapping[str, object], database: str) -> Iterator[None]:
    """The image's command; only the address to listen on is ours."""
    env = _environment(told, database) | {"GRANIAN_HOST": HOST, "GRANIAN_PORT": str(made.direct)}
    command = json.loads((PROJECT / "Dockerfile").read_text(encoding="utf-8").rpartition("\nCMD ")[2])
    with _child([sys.executable, "-m", *command], made.folder / "web.log", env) as child:
        _wait(child, made.folder / "web.log", HTTPConnection(HOST, made.direct, timeout=2))
        yield


@contextmanager
def _proxy(made: Deployment, service: Mapping[str, object], program: str) -> Iterator[None]:
    """The service's command, on the template that the service mounts; only places and ports are ours."""
    told = {name: str(value) for name, value in dict(service["environment"]).items()}  # type: ignore[call-overload]
    state = made.folder / "state"
    state.mkdir()
    told |= {"PORTAL": f"{HOST}:{made.direct}", "RESOLVER": HOST, "HTTP": str(made.http), "HTTPS": str(made.https)}
    told |= {"TLS": str(made.folder), "STATE": str(state)}
    filled = made.folder / "nginx.conf"
    filled.write_text(fill_template(proxy_template(service).read_text(encoding="utf-8"), told), encoding="utf-8")
    words = [str(filled) if word == "/tmp/nginx.conf" else word for word in list(service["command"])[1:]]  # type: ignore[call-overload]
    with _child([program, *words], made.log, {"PATH": _SYSTEM}) as child:
        _wait(child, made.log, made.connection(timeout=2))
        yield


@contextmanager
def _child(command: list[str], log: Path, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as words:
        child = subprocess.Popen(
            command, cwd=PROJECT, env=env, stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True
        )
    try:
        yield child
    finally:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=5)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # a server told to stop while it starts may leave a process behind
        child.wait()


def _wait(child: subprocess.Popen[bytes], log: Path, connection: HTTPConnection) -> None:
    def ready() -> bool:
        if child.poll() is not None:
            raise RuntimeError(f"it stopped by itself:\n{log.read_text(errors='replace')[-4000:]}")
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    until(ready, "it to answer", 60)
