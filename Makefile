# `make` lists the commands. Every one of them first brings the set-up up to date, which costs nothing when it is.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PYTHON_IN_VENV := .venv/bin/python
# Tests and tools start many processes. Without compiled files, which some images forbid, each would compile the app
# again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: ## install everything into .venv and node_modules; again only when something changed
	@scripts/setup.sh

.PHONY: ready
ready:
	@scripts/setup.sh --quiet

.PHONY: browser
browser: ## install Chromium, in which the pages are tested, where that is possible; ARGS=--must fails where it is not
	@scripts/browser.sh $(ARGS)

.PHONY: demo
demo: ready ## watch one export from segment to list, on this machine alone: a minute
	@$(PYTHON_IN_VENV) -m local.demo $(ARGS)

.PHONY: serve
serve: ready ## a playground: the whole app up on this machine, kept from start to start; ARGS=--help
	@$(PYTHON_IN_VENV) -m local.serve $(ARGS)

# Where a machine has a file system in memory with some room, the tests' many small files lie there.
FILES_OF_TESTS := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "TMPDIR=/dev/shm" }')

# loadfile: the tests of a file share one worker, in their order, and so one functions host of the file's own. Files
# start in the order of tests/conftest.py, the longest first; by itself xdist starts those with the most tests first.
ALL_TESTS := $(FILES_OF_TESTS) $(PYTHON_IN_VENV) -m pytest -n 4 --dist loadfile --no-loadscope-reorder --durations 10

.PHONY: test
test: ready ## run all tests but the long ones, four at a time; ARGS="-k phone" narrows
	@$(ALL_TESTS) $(ARGS)

.PHONY: ci-test
ci-test: ready ## the same as CI runs them: up to three tests that failed beside others run once more, alone
	@scripts/ci-test.sh env $(ALL_TESTS) $(ARGS)

.PHONY: simulate
simulate: ready ## play whole lives of runs in virtual time and judge them; HISTORIES=1000000 FIRST_SEED=1 for a night
	@$(PYTHON_IN_VENV) -m simulation --histories $(or $(HISTORIES),20000) --first-seed $(or $(FIRST_SEED),1) $(ARGS)

.PHONY: test-full
test-full: ready ## run the tests that are too long for `make test`, all of them: up to an hour
	@$(PYTHON_IN_VENV) -m pytest -m full -n 2 --dist loadfile --durations 10 $(ARGS)

.PHONY: test-slice
test-slice: ready ## run a slice of them: SEED=7 chooses which (default: by the commit), SLICES=24 how many there are
	@SEED="$(SEED)" SLICES="$(SLICES)" scripts/test-slice.sh $(ARGS)

.PHONY: test-host
test-host: ready ## run the whole-app tests on Azure's own Core Tools (func), where they are on the PATH
	@scripts/test-host.sh $(ARGS)

.PHONY: check
check: ready ## types, lint, formatting, and the direction of imports
	@.venv/bin/mypy --strict
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(PYTHON_IN_VENV) -m pytest -q tests/unit/test_import_direction.py

.PHONY: audit
audit: ready ## look for known vulnerabilities, careless code and secrets
	@scripts/audit.sh

# Packages that are locked already keep their versions, unless ARGS says --upgrade or --upgrade-package NAME.
LOCK := .venv/bin/uv pip compile --quiet --universal --python-version 3.13 --generate-hashes

.PHONY: lock
lock: ready ## compile requirements.in and pyproject.toml to requirements*.txt, with hashes; ARGS=--upgrade
	@$(LOCK) $(ARGS) requirements.in -o requirements.txt
	@$(LOCK) $(ARGS) pyproject.toml --extra dev -c requirements.txt -o requirements-dev.txt
	@$(LOCK) $(ARGS) --group node -o requirements-node.txt
	@$(LOCK) $(ARGS) --group infra -o requirements-infra.txt

.PHONY: infra-check
infra-check: ready ## read the Bicep as a compiler would, scan it, and compare settings and roles with the code
	@scripts/infra-check.sh

.PHONY: bench
bench: ready ## measure a million rows beside the floor and what people use; up to 20 minutes on two idle cores
	@$(PYTHON_IN_VENV) -m benchmarks.bench

.PHONY: bench-quick
bench-quick: ready ## the same with fewer rows, each contender once: about a minute
	@$(PYTHON_IN_VENV) -m benchmarks.bench --quick

.PHONY: bench-scale
bench-scale: ready ## measure how it grows: up to ten million rows, workers, exports due at once, past runs; some 45 minutes
	@$(PYTHON_IN_VENV) -m benchmarks.scale $(ARGS)

.PHONY: chaos
chaos: ready ## kill, break, double and restart everything, then judge what is left; ARGS="--seed 7"
	@$(PYTHON_IN_VENV) -m local.chaos $(ARGS)
