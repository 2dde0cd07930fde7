# The commands people use; `make` lists them.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help install test-fast test lint docs

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "make %-10s %s\n", $$1, $$2 }'

install: $(BIN)/pytest  ## a virtual environment in .venv with everything that tests and tools need

$(BIN)/pytest: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip install -q --python $(BIN)/python -e ".[dev]"
	@touch $@

test-fast: install  ## what needs neither a browser nor the local model, and measures nothing
	$(BIN)/pytest -m "not browser and not model and not slow"

test: install  ## all tests, in several processes
	$(BIN)/pytest

lint: install  ## formatting, style, types, floors, and the picture of the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/architecture.py --check

docs: install  ## the guides and the reference, in build/docs
	$(BIN)/sphinx-build -q -W --keep-going docs build/docs
