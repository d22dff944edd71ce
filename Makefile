# Needs only Python >= 3.11, git and make. Everything is installed into $(VENV); nothing else is touched.
VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := $(VENV)/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install demo develop test check format docs clean

help: ## List these targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

install: $(VENV)/.core ## Install Spondyl without torch into .venv

demo: $(VENV)/.core ## Install, make a synthetic scan, then find, name and segment its vertebrae
	$(BIN)/spondyl phantom demo/scans -n 1 --seed 1
	$(BIN)/spondyl predict demo/scans -o demo/results --overwrite
	@echo "The results:" && find demo/results -type f | sort

develop: $(VENV)/.develop ## Install everything the tests and checks need into .venv

test: $(VENV)/.develop ## Run all tests; ARGS="-k phantom" is passed on to pytest
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.develop ## Check format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.develop ## Format the code and repair what ruff can repair
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.docs ## Build the documentation site into site/
	$(BIN)/zensical build --strict --clean

clean: ## Delete what these targets made, .venv excepted
	rm -rf site demo dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks .cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@# Dependency groups need pip 25.1.
	@$(BIN)/python -m pip install -qq --upgrade "pip>=25.1"

# torch must be named in the same call as everything that wants it, or another build comes first:
# the group "test" pins it.
$(VENV)/.core: pyproject.toml | $(BIN)/python
	@echo "Installing Spondyl into $(VENV)"
	@$(BIN)/python -m pip install -qq -e .
	@touch $@

$(VENV)/.develop: pyproject.toml | $(BIN)/python
	@echo "Installing Spondyl with everything its tests and checks need into $(VENV)"
	@$(BIN)/python -m pip install -qq -e . --group test --group check
	@touch $@

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	@echo "Installing Spondyl and the documentation tools into $(VENV)"
	@$(BIN)/python -m pip install -qq -e . --group docs
	@touch $@
