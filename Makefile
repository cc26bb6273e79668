# `make serve` is all that a fresh clone needs: git, make, and Python 3.11 or newer.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(shell sed -n 's/^ *"\(uv==[^"]*\)".*/\1/p' pyproject.toml)
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11 python,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
CODE := src tests $(sort $(dir $(wildcard bench/*.py examples/*/*.py)))

.PHONY: help install serve test check format bench example clean

help: ## what there is
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

install: $(READY) ## make .venv with everything that uv.lock names

serve: $(READY) ## run Ostiary for development on http://localhost:8000; ARGS="--port 8001 --data FOLDER"
	@exec $(BIN)/ostiary dev $(ARGS)

test: $(READY) ## run the whole suite; ARGS="tests/unit -x"
	$(BIN)/pytest -n logical $(ARGS)

check: $(READY) ## lint, formatting, types, import contracts, and that the lock file is fresh
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports --no-cache
	$(BIN)/uv lock --check

format: $(READY) ## format, and fix what can be fixed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(READY) ## measure, each figure beside its baseline
	$(BIN)/python bench/run.py $(ARGS)

example: $(READY) ## run the example shop with Ostiary embedded
	@exec $(BIN)/python -m examples.shop $(ARGS)

clean: ## remove the environment and the caches, never data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-results
	find src tests $(wildcard bench examples) -name __pycache__ -type d -prune -exec rm -rf {} +

# pip brings the pinned uv, and uv the rest. uv.lock names uv too, so that the sync keeps it.
$(READY): pyproject.toml uv.lock
	@test -n "$(PYTHON)" || { echo "Ostiary needs Python 3.11 or newer; set PYTHON=/path/to/python3 if it is not on PATH." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)
	env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT=$(VENV) UV_PYTHON_DOWNLOADS=never $(BIN)/uv sync --quiet --frozen --all-extras
	@touch $@
