# Everything one does with a checkout. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
# The tests and the benches start hundreds of processes, and each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
JOBS ?= $(shell nproc)
UP ?=
# `DEMO=0 make up` sets up without the demo network; anything else for `hytopus up` goes into UP="…".
ifeq ($(DEMO),0)
UP += --no-demo
endif

# The longest first, and one more at a time than there are cores, because each waits now and then.
FAST_TESTS = $(wildcard tests/simulation tests/integration tests/fuzz tests/unit)
FAST_JOBS ?= $(shell expr $(JOBS) + 1)
SLOW_TESTS = $(wildcard tests/e2e)

.PHONY: help
help: ## List what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1 \2/' | awk '{printf "  make %-12s", $$2; $$1=$$2=""; print substr($$0, 3)}'

# What the panel is made of: a change to any of it builds it anew.
PANEL_SOURCES := $(shell find panel/app panel/i18n panel/public -type f 2>/dev/null) panel/nuxt.config.ts

.PHONY: up
up: environment ## Start Hytopus on this machine (DEMO=0: without the demo network)
	@exec $(BIN)/hytopus up $(UP)

.PHONY: test
test: environment panel ## Run all tests; installs the services they need
	@$(BIN)/python -m tests.services
	@echo "==> panel" && tools/panel npm test --silent
	@echo "==> tests without a game"
	@$(BIN)/pytest -q -n $(FAST_JOBS) --dist worksteal $(FAST_TESTS) $(ARGS)
ifneq ($(SLOW_TESTS),)
	@echo "==> end to end, with real games"
	@$(BIN)/pytest -q -n $(JOBS) --dist loadfile $(SLOW_TESTS) $(ARGS)
endif

.PHONY: check
check: environment panel/node_modules/stamp ## Check format, lint, types, import contracts and sizes, of the panel too
	@echo "==> format" && $(BIN)/ruff format --check .
	@echo "==> lint" && $(BIN)/ruff check .
	@echo "==> types" && $(BIN)/mypy
	@echo "==> imports" && $(BIN)/lint-imports
	@echo "==> sizes" && $(BIN)/python tools/check_size.py
	@tools/panel check

.PHONY: panel
panel: panel/.output/stamp ## Build the web panel, which the Brain then serves

.PHONY: panel-dev
panel-dev: panel/node_modules/stamp ## Serve the panel with hot reload; BRAIN=http://127.0.0.1:8420 is whose API it uses
	@HYTOPUS_PANEL_BRAIN=$(or $(BRAIN),http://127.0.0.1:8420) tools/panel npm run dev

.PHONY: panel-client
panel-client: panel/node_modules/stamp ## Generate the panel's client from the API
	@tools/panel client

.PHONY: screenshots
screenshots: environment panel ## Take pictures of every page of the panel; writes panel/screenshots/
	@$(BIN)/python -m tests.e2e.panel.screenshots $(ARGS)

.PHONY: simulation
simulation: environment ## Run the simulation for a long time: thousands of stories (STORIES=3000)
	@HYTOPUS_SIMULATION_EXAMPLES=$(or $(STORIES),3000) HYTOPUS_SIMULATION_ROUNDS=200 \
		$(BIN)/pytest -q --timeout=0 -n $(JOBS) --dist worksteal tests/simulation $(ARGS)

.PHONY: chaos
chaos: environment ## Kill everything at random for ten minutes (ARGS="--minutes 2 --seed 7")
	@$(BIN)/python -m tests.services
	@$(BIN)/python -m tests.chaos $(ARGS)

.PHONY: failover
failover: environment ## Kill each of three Brains in turn, under load (about five minutes)
	@$(BIN)/python -m tests.services
	@$(BIN)/pytest -q -s -p no:xdist tests/failover $(ARGS)

.PHONY: fuzz
fuzz: environment ## Feed tarballs and messages of any bytes for a long time
	@$(BIN)/pytest -q --timeout=0 --hypothesis-profile=long tests/fuzz $(ARGS)

.PHONY: bench
bench: environment panel ## Measure against baselines; writes bench/results.json
	@$(BIN)/python -m bench $(ARGS)

.PHONY: proto
proto: environment ## Generate the wire code from proto/
	@tools/proto.sh

.PHONY: lock
lock: environment ## Recompile requirements/*.txt (UPGRADE=1: newest versions)
	@tools/lock

.PHONY: format
format: environment ## Format the code and mend what can be mended
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

.PHONY: clean
clean: ## Remove caches and build products
	@rm -rf .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist panel/.nuxt panel/.output*
	@find src tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

.PHONY: distclean
distclean: clean ## Remove the environment too
	@rm -rf .venv panel/node_modules

.PHONY: environment
environment: .venv/stamp ## Make .venv

.venv/stamp: requirements/dev.txt requirements/uv.txt pyproject.toml tools/environment
	@tools/environment

.venv/node/stamp: requirements/panel.txt | .venv/stamp
	@tools/panel node

panel/node_modules/stamp: panel/package.json panel/package-lock.json panel/.npmrc | .venv/node/stamp
	@tools/panel packages

panel/.output/stamp: $(PANEL_SOURCES) panel/node_modules/stamp
	@tools/panel build
