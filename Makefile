# make run    start the cloud: database, model, gateway, one booked call; keeps serving
# make test   house rules, unit, flow and simulation tests, on real parts
# make check  house test, ruff, mypy
# make bench  the measured promises, one line each into bench/results.jsonl
# make fmt    format and mend what can be mended
# make assets  build the console's scripts and styles again, from what npm's lock file pins
# make lock   resolve the dependencies again and pin them with their hashes
SHELL := /bin/bash
PY ?= python3
BIN := .venv/bin
DATA ?= data

.PHONY: run test check bench fmt lock install models assets
.DEFAULT_GOAL := help
help:
	@sed -n 's/^# //p' Makefile

# The stamp carries the lock's content: a changed lock installs again, an unchanged one costs nothing.
.venv/.installed: requirements.lock bootstrap.lock pyproject.toml
	@scripts/bootstrap.sh "$(PY)"
	@touch $@

install: .venv/.installed

run: install
	@exec $(BIN)/rechenwerk serve --data-dir "$(DATA)"

test: install check
	@scripts/debian-parts.sh
	@$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/test_house.py

check: install
	@$(BIN)/ruff check src tests bench
	@$(BIN)/ruff format --check src tests bench
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_house.py

bench: install
	@$(BIN)/python -m bench

fmt: install
	@$(BIN)/ruff format src tests bench
	@$(BIN)/ruff check --fix src tests bench

lock:
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --group dev pyproject.toml -o requirements.lock

WEB := src/rechenwerk/console/web
assets:
	@cd $(WEB) && npm ci --no-audit --no-fund && node build.mjs
