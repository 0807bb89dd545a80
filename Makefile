# What CI runs is what stands here; a check that is not here does not exist.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A stack is ten processes that would each compile the same modules again.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin
# Each has a PostgreSQL and a NATS of its own; tests of the whole stack share one.
WORKERS ?= 2
MINUTES ?= 30
# Exported only when given, so that the programs' own defaults stay in one place.
ifdef LOBBY_HOME
export LOBBY_HOME
endif
ifdef LOBBY_PORT
export LOBBY_PORT
endif

.PHONY: help setup pins up down test check format lint types imports contracts generated chaos chaos-full soak fuzz bench protos docs bench-figures bench-growth bench-identity bench-import

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## ?/\1\t/' | expand -t 14

setup: ## .venv with the pinned versions; at once when nothing changed
	@$(PYTHON) scripts/set_up.py

pins: setup ## renews constraints.txt (UPGRADE=1: latest releases)
	@$(BIN)/python scripts/pin.py $(if $(UPGRADE),--upgrade)

up: setup ## starts everything (DETACH=1, DEMO=0, REPLICAS=2, LOBBY_HOME=dir, LOBBY_PORT=8080)
	@exec $(BIN)/python -m lobby_local up $(if $(filter 1,$(DETACH)),--detach) $(if $(filter 0,$(DEMO)),--no-demo) $(if $(REPLICAS),--replicas=$(REPLICAS))

down: setup ## stops a detached stack, keeps the data
	@exec $(BIN)/python -m lobby_local down

test: setup ## every kind of test, in a home and on ports of its own
	@$(BIN)/python -m pytest -m "not fuzz and not chaos_full$$($(BIN)/python -m tests.chaos.disks)" -n $(WORKERS) $(ARGS)

check: format lint types imports contracts generated ## format, lint, types, import rules, protos, generated code

format: setup
	$(BIN)/ruff format --check --quiet .

lint: setup
	$(BIN)/ruff check --quiet .

types: setup
	$(BIN)/mypy --no-error-summary

imports: setup
	$(BIN)/lint-imports --no-logo

contracts: setup
	$(BIN)/buf lint protos
	$(BIN)/buf format --diff --exit-code protos
	@if [ -e protos/released.binpb ]; then \
		echo '$(BIN)/buf breaking protos --against protos/released.binpb'; \
		$(BIN)/buf breaking protos --against protos/released.binpb; \
	else echo 'nothing was released yet: no breaking change is possible'; fi

generated: setup
	@fresh=$$(mktemp -d); trap 'rm -r "$$fresh"' EXIT; \
		$(BIN)/python scripts/generate_protos.py "$$fresh/src" "$$fresh/contract.binpb"; \
		diff -r --brief --exclude=__pycache__ "$$fresh/src" protos/src \
		&& cmp "$$fresh/contract.binpb" services/gateway/src/lobby_gateway/contract.binpb \
		|| { echo 'generated code is not current: make protos'; exit 1; }; \
		$(BIN)/python scripts/document_configuration.py "$$fresh/configuration.md"; \
		diff "$$fresh/configuration.md" docs/configuration.md \
		|| { echo 'docs/configuration.md is not current: make docs'; exit 1; }

chaos: setup ## faults under traffic, with what was lost or doubled
	@$(BIN)/python -m pytest -m "chaos$$($(BIN)/python -m tests.chaos.disks)" -s tests/chaos $(ARGS)

chaos-full: setup ## all other faults, and broken code that has to be seen; half an hour
	@$(BIN)/python -m pytest -m chaos_full -s tests/chaos $(ARGS)

soak: setup ## random faults for MINUTES=n, one JSON line a process: memory and open files must not grow
	@exec $(BIN)/python -m tests.chaos.soak $(MINUTES)

fuzz: setup ## fuzzes at length
	@$(BIN)/python -m pytest -m fuzz $(ARGS)

bench-import: setup ## how long a base takes to be imported (ARGS="--rows 1000000 --national 0.5")
	@exec $(BIN)/python -m tests.bench.imports $(ARGS)

bench-growth: setup ## the same beside a stack that holds a year of messages (ARGS="--sizes 0 100000 1000000")
	@exec $(BIN)/python -m tests.bench.growth $(ARGS)

bench-figures: setup ## figures of the counter beside a ledger of millions; merges (ARGS="--sizes 500000 5000000")
	@exec $(BIN)/python -m tests.bench.figures $(ARGS)

bench-identity: setup ## identity alone beside known people; merges and undos from two sides (ARGS="--sizes 1000000")
	@exec $(BIN)/python -m tests.bench.people $(ARGS)

bench: setup ## prints one JSON object a line
	@exec $(BIN)/python -m tests.bench $(ARGS)

docs: setup ## rewrites docs/configuration.md from the config objects
	@$(BIN)/python scripts/document_configuration.py

protos: setup ## regenerates protos/src from the .proto files
	@$(BIN)/python scripts/generate_protos.py
