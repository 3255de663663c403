"""The public validator of FOCUS files, which `.ci/run` installs into an environment of its own; it needs no network."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from app.settings import PROJECT

RULES = "1.2.0.1"
_ENV = Path(os.environ.get("FOCUS_ENV") or PROJECT / "instance" / "focus")
_SUPPORTED = ("ACCOUNT_NAMING_SUPPORTED", "MULTIPLE_PRICING_CATEGORIES_SUPPORTED", "NEGOTIATED_PRICING_SUPPORTED",
              "PUBLIC_PRICE_LIST_SUPPORTED", "UNIT_PRICING_SUPPORTED", "USAGE_MEASUREMENT_SUPPORTED")  # fmt: skip


def validate(file: Path) -> tuple[set[str], set[str]]:
    """The rules that a file keeps and those that it breaks; skips where the validator is missing, but in CI.

    It looks for its currency codes where it is installed, and reads the rules that came with it.
    """
    command = _ENV / "bin" / "focus-validator"
    if not command.exists():
        words = f"missing: {command}; .ci/run installs it with pip"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    given = ["--data-file", str(file), "--validate-version", RULES, "--block-download", "--applicability-criteria",
             ",".join(_SUPPORTED)]  # fmt: skip
    [packages] = _ENV.glob("lib/python3*/site-packages")
    done = subprocess.run([str(command), *given], capture_output=True, text=True, check=False, cwd=packages)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = re.findall(r"([A-Za-z]+-[A-Z]-[0-9]{3}-[A-Z]): (PASS|FAIL) ", done.stdout)
    passed = {rule for rule, verdict in found if verdict == "PASS"}
    return passed, {rule for rule, verdict in found if verdict == "FAIL"}
