# Everything Hotswap needs, from a machine with python3 (3.11 or newer, with venv) and make.
# `make help` tells what can be done. Each `##` below is a line of that help.

.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-print-directory

TOOLS := .tools
VENV  := .venv
PY    := $(VENV)/bin/python
UV    := $(TOOLS)/bin/uv
# A check-out inside another project must not inherit that project's environment.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME
export UV_NO_PROGRESS := 1

NOT_AT_RUN_TIME := /(tests?|mypy|mypyc|schemathesis|hypothesis|playwright|graphql|pip)/
ARGS ?=
PYTEST := $(PY) -m pytest
TEMPLATES := $(VENV)/bin/djangofmt --line-length 100 --indent-width 2
SCRIPTS := BIOME_CONFIG_PATH=.biome.jsonc $(VENV)/bin/biome
# Each test file stays in one worker: fixtures of a module start whole processes.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile
# It stops every commit of the server that they share.
ALONE := tests/integration/engine/test_full_notify_queue.py
# A test that grew slow shows in each run, before it is one of many.
SLOWEST := --durations=20

.PHONY: help faults faults-short kills setup demo units test test-unit test-integration test-system test-browser real falsifier quiet-valkey \
        fuzz-api record-answers screenshots bench bench-audit bench-histories bench-streams bench-websockets lint format lock browser clean

help: ## Show this list
	@echo "Hotswap: swap a model's version under live traffic, without dropping a request."
	@echo
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "ARGS passes options on: make demo ARGS=--once, make test-unit ARGS='-k drain'"

## -- set-up --

setup: $(VENV)/.installed ## Install everything into .tools and .venv (once; the others call it)
	@# A process that finds its byte code starts in a quarter of the time: one that was killed is
	@# back so much sooner. Written here, because at run time it may not be possible.
	@$(PY) -m compileall -q hotswap_site swaps

# The stamp is written last, so a set-up that was interrupted is simply done again.
$(VENV)/.installed: requirements.lock pyproject.toml .python-version | $(UV)
	@echo "Installing the locked packages into $(VENV) ..."
	@test -x $(PY) || $(UV) venv --quiet --clear --python "$$(cat .python-version)" $(VENV) || \
	  { echo "Python $$(cat .python-version) is not installed and could not be fetched: install it, then run make again." >&2; exit 1; }
	@$(UV) pip sync --quiet --require-hashes --python $(PY) requirements.lock
	@# For $(VENV)/bin/hotswap: the check-out itself, whose dependencies are all there by now.
	@$(UV) pip install --quiet --no-deps --python $(PY) --editable .
	@# The packages' byte code, but what only tests and tools need.
	@$(PY) -m compileall -q -j 0 -x '$(NOT_AT_RUN_TIME)' $(VENV)/lib
	@touch $@

$(UV):
	@command -v python3 >/dev/null || { echo "python3 is missing: install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)." >&2; exit 1; }
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "python3 is $$(python3 -V 2>&1): Hotswap needs 3.11 or newer to set itself up." >&2; exit 1; }
	@python3 -c 'import venv, ensurepip' 2>/dev/null || { echo "python3 has no venv module: install it (Debian: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Fetching uv into $(TOOLS) ..."
	@rm -rf $(TOOLS) && python3 -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install -qq --disable-pip-version-check --no-warn-script-location --root-user-action=ignore uv

browser: ## Install Chromium for the browser tests, where it is missing
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  echo "Installing Chromium ..."; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else echo "The browser tests need Chromium: install it with your package manager (Debian: apt-get install chromium)." >&2; exit 1; fi

## -- run --

demo: setup ## Swap a real model under live traffic before your eyes (ARGS=--once ends after it)
	@$(PY) -m hotswap_site.embedded.demo $(ARGS)

units: setup ## Write unit files for systemd into units/ (ARGS=--help tells of places and accounts)
	@$(PY) -m hotswap_site.deployment.units $(ARGS)

## -- test --

test: setup ## All tests: unit, integration, system, browser
	@$(PYTEST) $(SLOWEST) $(SIDE_BY_SIDE) tests/unit tests/integration --ignore=$(ALONE) $(ARGS)
	@# One after the other: each of these loads every core by itself.
	@$(PYTEST) $(SLOWEST) $(ALONE) tests/system tests/browser $(ARGS)

test-unit: setup ## Pure decisions, in seconds
	@$(PYTEST) $(SLOWEST) tests/unit $(ARGS)

test-integration: setup ## Each part against the real thing beside it
	@$(PYTEST) $(SLOWEST) $(SIDE_BY_SIDE) tests/integration --ignore=$(ALONE) $(ARGS)
	@$(PYTEST) $(ALONE)

test-system: setup ## All processes together, under traffic
	@$(PYTEST) $(SLOWEST) tests/system $(ARGS)

test-browser: setup ## The console in a real Chromium
	@$(PYTEST) $(SLOWEST) tests/browser $(ARGS)

quiet-valkey: setup ## Swap for ten minutes while Valkey stands still
	@HOTSWAP_QUIET_VALKEY_SECONDS=$${HOTSWAP_QUIET_VALKEY_SECONDS:-600} $(PYTEST) tests/system/test_quiet_valkey.py -s --timeout 7200 $(ARGS)

real: setup ## The README's "Running it for real" in network namespaces (root, Linux; installs what is missing)
	@missing=; for program in ip openssl nginx redis-server; do command -v $$program >/dev/null || missing=1; done; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing=1; \
	if [ "$$(id -u)" != 0 ]; then echo "make real makes network namespaces: run it as root." >&2; exit 1; fi; \
	if [ -n "$$missing" ]; then \
	  command -v apt-get >/dev/null || { echo "make real needs ip, openssl, nginx, redis-server and Postgres of Debian: install them." >&2; exit 1; }; \
	  echo "Installing Postgres, Redis and nginx; their services are not started ..."; \
	  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1; \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends \
	    postgresql redis-server nginx-light iproute2 openssl >/dev/null || exit 1; \
	fi
	@$(PYTEST) tests/real/test_running_it_for_real.py -s --timeout 1800 $(ARGS)

kills: setup ## Ten times kill -9 of everything in mid-swap, and make demo again
	@HOTSWAP_TEST_WHOLE_KILLS=$${HOTSWAP_TEST_WHOLE_KILLS:-10} $(PYTEST) tests/real/test_everything_killed.py -s $(ARGS)

falsifier: setup ## Try hard to catch a request at the old version after its drain proof
	@HOTSWAP_FALSIFIER_FLIPS=$${HOTSWAP_FALSIFIER_FLIPS:-1000} $(PYTEST) tests/system/test_falsifier.py -s --timeout 3600 $(ARGS)

faults: setup ## Each process killed and stopped in each state of a swap (ARGS="--only worker")
	@HOTSWAP_FAULTS="$(ARGS)" $(PYTEST) tests/system/faults/matrix.py -s --timeout 14400

faults-short: setup ## Each process once, killed or stopped, each in another state of a swap
	@$(PYTEST) tests/system/faults/short.py $(ARGS)

record-answers: setup ## Record anew what the command line's unit tests are answered
	@$(PYTEST) tests/system/cli/record_answers.py -q --timeout 1800 $(ARGS)

screenshots: setup ## Pictures of every page of the console, into screenshots/
	@$(PYTEST) tests/browser/screenshots.py -q $(ARGS)
	@echo "The pictures are in screenshots/"

fuzz-api: setup ## Ask the API thousands of things that its document allows, and forbids
	@HOTSWAP_FUZZ_EXAMPLES=$${HOTSWAP_FUZZ_EXAMPLES:-25} $(PYTEST) tests/system/test_fuzz_api.py -s --timeout 3600 $(ARGS)

bench: setup ## Measure routing update and swap overhead
	@$(PY) -m tests.benchmarks.bench_swaps $(ARGS)

bench-streams: setup ## Measure what 400 callers cost who follow a swap or wait for its end
	@$(PY) -m tests.benchmarks.bench_streams $(ARGS)

bench-audit: setup ## Measure finding in and exporting a million audit entries
	@$(PY) -m tests.benchmarks.bench_audit $(ARGS)

bench-histories: setup ## Measure pages, calls and sweeps after 100,000 swaps (ARGS='--swaps 1000000 --events 5000000')
	@$(PY) -m tests.benchmarks.bench_histories $(ARGS)

bench-websockets: setup ## Measure how soon 1,000 open pages see a swap's events
	@$(PY) -m tests.benchmarks.bench_websockets $(ARGS)

## -- keep in order --

lint: setup ## Style, types, templates, scripts, import layers, missing migrations
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check --quiet || { echo "Formatting differs: run 'make format'." >&2; exit 1; }
	@$(VENV)/bin/mypy
	@find templates swaps -name '*.html' -print0 2>/dev/null | xargs -0 -r $(VENV)/bin/djade --check
	@$(TEMPLATES) --check templates || { echo "Templates' layout differs: run 'make format'." >&2; exit 1; }
	@awk 'length($$0) > 120 {print FILENAME ":" FNR ": longer than 120 characters"; found = 1} END {exit found}' $$(find templates -name '*.html')
	@$(SCRIPTS) check --error-on-warnings static
	@$(VENV)/bin/lint-imports
	@# The one warning it has to give is that no database runs, and it needs none.
	@$(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

format: setup ## Format the code as lint wants it
	@$(VENV)/bin/ruff check --fix --quiet
	@$(VENV)/bin/ruff format --quiet
	@find templates -name '*.html' -print0 | xargs -0 $(VENV)/bin/djade >/dev/null 2>&1 || true
	@$(TEMPLATES) --quiet templates
	@$(SCRIPTS) format --write static

lock: $(UV) ## Resolve the dependencies anew into requirements.lock
	@$(UV) pip compile pyproject.toml --quiet --all-extras --group dev --generate-hashes --python-version 3.13 -o requirements.lock --custom-compile-command "make lock"

clean: ## Remove what set-up and tests made (the data in .hotswap stays)
	@rm -rf $(TOOLS) $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache staticfiles
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
