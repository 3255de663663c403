# Each target does all the set-up it needs, on a machine with Python 3.11 and make, and is safe to repeat.
#   make run        the portal on 127.0.0.1:5000 with database, worker, mailbox and demo accounts
#   make test       make check, then all tests but the long ones, and of the slow ones a sample, with coverage and seconds
#                   a room; SHUFFLE=7 reorders
#   make test-unit  test-db, test-stack, test-browser: one tier of them (tests/support/tiers.py)
#   make test-dates the tests that read a clock, at month ends, leap days, changes of the clocks, New Year
#   make test-long  seeds, kills, long histories and all slow tests
#   make check      ruff, mypy, import-linter, bandit
#   make picture    docs/house.svg, drawn from the code
#   make walks      the files that one event, webhook, dashboard and purchase go through
# PORT=5100 moves a run; INSTANCE=folder keeps its data elsewhere; PYTHON=python3.12 chooses the interpreter.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The first of these that runs and is new enough; empty where none is.
PYTHON ?= $(shell for name in python3.11 python3; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A run and its tests start dozens of processes: each would compile the whole app again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test test-unit test-db test-stack test-browser test-dates test-long check picture walks bench screens lock clean

help:
	@sed -n 's/^#   //p' Makefile

$(READY): requirements-dev.lock
	@if [ -z "$(PYTHON)" ]; then
	  echo "Python 3.11 or newer is missing. On Debian and Ubuntu: apt-get install python3 python3-venv" >&2; exit 1; fi
	if ! $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then
	  echo "$(PYTHON) has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; fi
	echo "Installing into $(VENV) (once, and after a change of the lock file) ..."
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	if ! $(BIN)/python -m pip install --quiet --quiet --require-hashes -r requirements-dev.lock; then
	  echo "The packages of requirements-dev.lock could not be installed; is the network there?" >&2; exit 1; fi
	touch $(READY)

run: $(READY)
	@exec $(BIN)/python -m sandbox.run

# Judged by a second command: in one, slipcover 1.1 forgets what the workers covered before it prints.
COVERED = instance/coverage.json
SHARED_OUT = -n 2 --dist worksteal
test: $(READY) check
	@mkdir -p instance
	$(BIN)/python -m slipcover --json --out $(COVERED) -m pytest -m "not long" $(SHARED_OUT) --budget \
	  $(if $(SHUFFLE),--shuffle $(SHUFFLE))
	$(BIN)/python -m slipcover --fail-under 90 --merge $(COVERED) --out $(COVERED)

test-unit test-db test-stack test-browser: $(READY)
	@exec $(BIN)/python -m pytest -m "$(@:test-%=%) and not long" $(SHARED_OUT)

test-dates: $(READY)
	@exec $(BIN)/python -m tests.dates

test-long: $(READY)
	@failed=0
	long() { $(BIN)/python -m pytest --timeout=3600 -vv -rP "$$@" || failed=1; }
	long -m "(long or slow) and not alone" -n 2 --dist worksteal
	long -m "long and alone"
	exit $$failed

check: $(READY)
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive app sandbox wsgi.py --configfile pyproject.toml

walks: $(READY)
	@WALKS=1 exec $(BIN)/python -m pytest -s -n 0 tests/portal/test_walks.py

picture: $(READY)
	@exec $(BIN)/python -m tests.support.picture

bench: $(READY)
	@exec $(BIN)/python -m bench

screens: $(READY)
	@exec $(BIN)/python -m tests.browser.screens

# Keeps the versions it finds; `make lock UPGRADE=--upgrade` takes the newest. Names, versions and hashes only.
COMPILE = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --no-config --quiet $(UPGRADE)
lock: $(READY)
	@$(COMPILE) --output-file requirements.lock >/dev/null
	$(COMPILE) --extra sandbox --extra dev --constraint requirements.lock --output-file requirements-dev.lock >/dev/null
	echo "requirements.lock and requirements-dev.lock are up to date."

# Leaves instance/, where the data is.
clean:
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
