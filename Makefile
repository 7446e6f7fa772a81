# `make` alone lists the targets. Needed: make and Python 3.11 or newer. No root, no other tool, nothing outside .venv.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test check protos lock bench clean

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The first of these that is new enough; `make PYTHON=/path/to/python run` chooses another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

# What is installed, as files: a second call finds them and does nothing.
READY_TO_RUN := .venv/ready-to-run
READY_TO_TEST := .venv/ready-to-test
READY_TO_BROWSE := .venv/ready-to-browse
UV := build/uv/bin/uv

help: ## List the targets.
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-15s%s\n", $$1, $$2 }'

run: $(READY_TO_RUN) ## Start everything on this machine with embedded stores; Ctrl-C stops it.
	@exec $(BIN)/sendout up

# Everything that may run side by side does; the faults measure time and run alone. PYTEST goes to the first run only.
test: $(READY_TO_TEST) $(READY_TO_BROWSE) ## Run every test, on SQLite and on a real PostgreSQL, with a real Valkey and a real browser.
	$(BIN)/python -m pytest --numprocesses 4 --ignore tests/faults $(PYTEST)
	$(BIN)/python -m pytest tests/faults

check: $(READY_TO_TEST) ## Format, lint, types, import rules, stub drift, contract rules; changes nothing.
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary server storage clients protos/generate.py
	$(BIN)/lint-imports --no-logo --cache-dir build/import_linter
	$(BIN)/python protos/generate.py --check
	@mkdir -p build
	$(BIN)/python protos/generate.py --descriptor-set build/contract.binpb
	$(BIN)/buf lint build/contract.binpb --config protos/buf.yaml
	@echo "All checks passed."

protos: $(READY_TO_TEST) ## Make the Python stubs anew from the .proto files.
	$(BIN)/python protos/generate.py

# The development lock comes first and holds the runtime lock to the same versions, so that one .venv serves both.
lock: $(UV) ## Refresh locks/*.lock from locks/*.in (the only target that chooses versions).
	$(UV) $(COMPILE) --output-file locks/dev.lock locks/dev.in
	$(UV) $(COMPILE) --constraint locks/dev.lock --output-file locks/runtime.lock locks/runtime.in
	@! grep -n '://' locks/*.lock

bench: $(READY_TO_TEST) ## Measure throughput; the numbers hold for this machine only.
	@for file in $(filter-out bench/common.py,$(wildcard bench/*.py)); do echo "$$file"; $(BIN)/python $$file || exit 1; done

clean: ## Remove what the targets made: .venv, build files, caches. The data of `make run` stays.
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find protos storage server clients tests bench -name __pycache__ -prune -exec rm -rf {} +

COMPILE := pip compile --quiet --universal --python-version 3.11 --prerelease=if-necessary-or-explicit \
	--generate-hashes --no-annotate --no-header --upgrade --no-emit-index-url --no-config

define install
	$(PIP) install --require-hashes --only-binary :all: --requirement $(1)
	$(PIP) install --no-deps --no-build-isolation --editable .
endef

$(READY_TO_RUN): locks/runtime.lock pyproject.toml | $(BIN)/pip
	@echo "Installing what Sendout needs; this happens once."
	@$(call install,locks/runtime.lock)
	@touch $@

# A superset of the runtime lock, so after it `make run` has nothing to install.
$(READY_TO_TEST): locks/dev.lock locks/runtime.lock pyproject.toml | $(BIN)/pip
	@echo "Installing what Sendout and its tests need; this happens once."
	@$(call install,locks/dev.lock)
	@touch $(READY_TO_RUN) $@

# What the browser tests have of npm, by its own lock; a browser only where none is installed or named.
$(READY_TO_BROWSE): tests/browser/package-lock.json tests/browser/chromium.py | $(READY_TO_TEST)
	@$(BIN)/python -m tests.browser.chromium
	@touch $@

$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "Sendout needs Python 3.11 or newer: install it, or name it: make PYTHON=… run"; exit 1; }
	$(PYTHON) -m venv --clear .venv

$(UV):
	@test -n "$(PYTHON)" || { echo "Sendout needs Python 3.11 or newer: install it, or name it: make PYTHON=… lock"; exit 1; }
	$(PYTHON) -m venv --clear build/uv
	build/uv/bin/python -m pip --disable-pip-version-check --quiet install uv
