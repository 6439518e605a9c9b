# What one does with this project. `make help` lists it all.

# Each Python has an environment of its own: make test PYTHON=python3.13 VENV=.cache/3.13
PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
BIN := $(VENV)/bin
REGISTRY ?=

# Tests that need more than Python, and have targets of their own.
ELSEWHERE := --ignore tests/browser --ignore tests/codegen --ignore tests/limits --ignore tests/peers --ignore tests/registries

# The suite goes to as many processes as there are cores; WORKERS=0 is for a debugger.
WORKERS ?= auto
SPREAD := --numprocesses $(WORKERS) --dist worksteal

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# An environment is cleared and removed only if it was made here: VENV may be set to another project's, or be a link to it.
OURS = test ! -e "$(VENV)" || { test ! -L "$(VENV)" && test -e "$(VENV)/.made"; } || \
	{ echo "$(VENV) was not made here, so it stays as it is: remove it, or name another folder by VENV=" >&2; exit 1; }

# One environment for everything but the code generator, which has its own. Made anew when its inputs change.
$(VENV)/.made: pyproject.toml $(CONSTRAINTS)
	@$(OURS)
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv --clear $(VENV)
	@touch -t 200001010000 $@ # ours, and not done
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) --editable '.[dev]'
	@touch $@

.PHONY: demo
demo: $(VENV)/.made ## Run the main job on the emulator, or on REGISTRY=my.azurecr.io
	$(BIN)/python examples/demo.py $(if $(REGISTRY),--registry $(REGISTRY))

.PHONY: test
test: $(VENV)/.made ## Run the test suite (no network, no Go)
	$(BIN)/python -m pytest $(SPREAD) $(if $(COVERAGE),--cov --cov-report=) $(ELSEWHERE)

.PHONY: test-codegen
test-codegen: $(VENV)/.made ## Test the code generator itself (the network once)
	$(BIN)/python -m pytest $(SPREAD) tests/codegen

.PHONY: test-peers
test-peers: $(VENV)/.made ## Test with clients and registries that others wrote (Node, Go, Debian; the network once)
	$(BIN)/python -m pytest tests/peers tests/registries

FAULTS ?= 500
KILLS ?= 50

.PHONY: test-faults
test-faults: $(VENV)/.made ## Transfers in bad weather: 500 seeded runs, and 50 killed downloads and uploads each
	ACR_FAULT_RUNS=$(FAULTS) ACR_KILL_RUNS=$(KILLS) $(BIN)/python -m pytest $(SPREAD) tests/faults

UPKEEP ?= 20000
RACES ?= 500
UPKEEP_KILLS ?= 50
MANIFESTS ?= 1000000

.PHONY: test-upkeep
test-upkeep: $(VENV)/.made ## Usage, check, plans, purges: 20,000 random registries, 500 races, 50 kills, and a million manifests with their limits
	ACR_UPKEEP_GRAPHS=$(UPKEEP) ACR_UPKEEP_MANIFESTS=$(MANIFESTS) ACR_UPKEEP_RACES=$(RACES) ACR_UPKEEP_KILLS=$(UPKEEP_KILLS) \
	  $(BIN)/python -m pytest tests/inventory tests/cleanup

.PHONY: test-browser
test-browser: $(VENV)/.made ## The HTML page of an inventory in Chromium (Debian); ACR_SCREENSHOTS=folder keeps pictures
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { echo "Install the package chromium" >&2; exit 1; }
	$(BIN)/python -m pytest tests/browser

.PHONY: test-forks
test-forks: $(VENV)/.made ## Forks of a busy parent: 2,000 calls in 8 children, over http and TLS, sync and async
	ACR_FORK_CALLS=2000 $(BIN)/python -m pytest tests/processes/test_forks.py

.PHONY: test-calls
test-calls: $(VENV)/.made ## 10,000 calls of 64 tasks, and of 64 threads, over the ends of tokens while the registry throttles
	ACR_CALLS=10048 $(BIN)/python -m pytest -rP tests/client/test_many_calls.py

.PHONY: test-limits
test-limits: $(VENV)/.made ## Hostile servers: the memory that each answer takes, and how long each call lasts (3 minutes)
	$(BIN)/python -m pytest -rP tests/limits

.PHONY: lowest
lowest: .cache/lowest.txt ## Run the test suite with the lowest versions of what the package depends on
	$(MAKE) test VENV=.cache/lowest CONSTRAINTS=$<

.cache/lowest.txt: pyproject.toml constraints.txt tools/lowest.py
	@mkdir -p $(@D)
	$(PYTHON) tools/lowest.py >$@

.PHONY: test-fuzz
test-fuzz: $(VENV)/.made ## Inputs that are nearly right: 20,000 for each parser, a hundred times as many as `make test` has
	ACR_FUZZ_INPUTS=20000 $(BIN)/python -m pytest $(SPREAD) tests/fuzz

.PHONY: coverage
coverage: $(VENV)/.made ## `make test`, and the branch coverage of acr/, which must be 95 % at the least
	$(MAKE) test COVERAGE=1
	$(BIN)/python -m coverage report

.PHONY: mutate
mutate: ## Change digests, locks, scopes, deletion, paging in many ways: a test must fail each time (MUTATE=locks for one)
	$(MAKE) .cache/mutation/venv/.made VENV=.cache/mutation/venv
	.cache/mutation/venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) \
	  --requirement tests/mutation/requirements.txt
	.cache/mutation/venv/bin/python -m tests.mutation $(MUTATE)

.PHONY: flows
flows: $(VENV)/.made ## Measure how far a reader walks to follow a call: files, functions, moves from file to file
	PYTHONPATH=. $(BIN)/python tools/flows.py

.PHONY: bench
bench: ## Measure beside other clients, and write benchmarks/RESULTS.md (Debian, Go; the network once; about 20 minutes)
	@python=$$(PYTHON=$(PYTHON) benchmarks/setup.sh) && "$$python" -m benchmarks $(BENCH)

.PHONY: bench-network
bench-network: ## Measure whole jobs on a line with latency, and write benchmarks/NETWORK.md (root; Go; 2 hours, or what is left)
	@python=$$(PYTHON=$(PYTHON) benchmarks/setup.sh) && "$$python" -m benchmarks.network $(BENCH)

.PHONY: check
check: $(VENV)/.made ## Lint, format and type checks; whether the sync facades are what the async ones give
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python tools/facades.py --check
	PYTHONPATH=. $(BIN)/python tools/cli_docs.py --check
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

.PHONY: verify-types
verify-types: $(VENV)/.made ## Check the types of the installed wheel, as its users' type checkers see them (the network)
	$(BIN)/python -m tests.typing.installed

.PHONY: verify-cli
verify-cli: $(VENV)/.made ## Run the installed wheel's command line, without extras and with them (the network)
	$(BIN)/python -m tests.cli.installed

.PHONY: format
format: $(VENV)/.made ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: facades
facades: $(VENV)/.made ## Make the sync facades of the async ones
	$(BIN)/python tools/facades.py

.PHONY: cli-docs
cli-docs: $(VENV)/.made ## Write docs/cli.md anew, from the parsers of the command line
	PYTHONPATH=. $(BIN)/python tools/cli_docs.py

.PHONY: pictures
pictures: $(VENV)/.made ## Draw docs/terminal.svg anew, from what the command line shows of the emulator
	PYTHONPATH=. $(BIN)/python tools/cli_picture.py

.PHONY: drawings
drawings: $(VENV)/.made ## Draw the tables of the core in docs/architecture.md anew
	PYTHONPATH=. $(BIN)/python tools/way_back.py

.PHONY: api
api: $(VENV)/.made ## Write the public API down anew, as tests/house/api.txt
	$(BIN)/python -m tests.house.api

.PHONY: codegen
codegen: ## Regenerate generated/ from spec/
	./codegen.sh

.PHONY: codegen-check
codegen-check: ## Fail if generated/ is not what spec/ gives
	./codegen.sh --check

# Sphinx and what it needs. Only this target installs them.
$(VENV)/.docs: $(VENV)/.made
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs,emulator]'
	@touch $@

.PHONY: docs
docs: $(VENV)/.docs ## Build the documentation into build/docs/; each warning is an error
	$(BIN)/python -m sphinx --quiet --fresh-env --fail-on-warning --jobs auto --conf-dir docs . build/docs

.PHONY: build
build: $(VENV)/.made ## Build the sdist and the wheel into dist/
	rm -rf dist
	$(BIN)/python -m hatchling build

.PHONY: clean
clean: ## Remove what was built, the environment and all caches
	@$(OURS)
	rm -rf "$(VENV)" .cache build dist .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
