# Two commands matter: `make run` shows the product, `make test` proves it. Both set up what they need.
.DEFAULT_GOAL := help
.PHONY: help setup run test check format chaos bench bench-webhook browser browser-setup clean

PYTHON ?= python3
BIN := .venv/bin
SOURCES := bot handlers prompts tests benchmarks

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make setup          create .venv and install everything into it
setup: .venv/.done

.venv/.done: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bangban needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	touch $@

## make run            set up, then serve the demo; Ctrl-C stops it
run: setup
	@$(BIN)/bangban demo

## make test           set up, check, then the whole suite
test: setup check
	$(BIN)/pytest

## make check          formatting, lint, types, import layers, dead code
check: setup
	$(BIN)/ruff format --check --quiet $(SOURCES)
	$(BIN)/ruff check --quiet $(SOURCES)
	$(BIN)/mypy
	$(BIN)/vulture
	$(BIN)/pytest -n0 tests/test_layers.py

## make format         put the code in the house style
format: setup
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

## make chaos          kill everything at random moments and count what was lost (nothing)
chaos: setup
	$(BIN)/python -m tests.chaos $(CHAOS)

## make bench          the accept path, first words, streams and memory, against a bare baseline
bench: setup
	$(BIN)/python -m benchmarks.bench $(BENCH)

## make bench-webhook  open-loop load with repeats, slow platforms and kills
bench-webhook: setup
	$(BIN)/python -m benchmarks.webhook $(BENCH)

## make browser        the chat page in a real Chromium (installs it when missing; needs root for that)
browser: setup browser-setup
	$(BIN)/pytest -n0 -m browser tests/browser

browser-setup: setup
	command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group browser

## make clean          remove what the other targets made
clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
