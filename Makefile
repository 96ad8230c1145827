# Everything is installed into .venv, which is made with $(PYTHON). Stamps there avoid repeated installs.
PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
CODE := src tests benchmarks scripts examples

.DEFAULT_GOAL := help
.PHONY: help demo test lint types tests bench docs site format clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.predict  ## install the prediction dependencies (no torch) and analyse the recordings in examples/
	FORCE_COLOR=1 $(BIN)/emotone predict examples/

test: lint types tests  ## install the development environment, then run lint, types, all tests and the docs check

lint: .venv/.dev  ## ruff, over code and its format
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

types: .venv/.dev  ## mypy --strict
	$(BIN)/mypy $(CODE)

tests: .venv/.dev  ## all tests and doctests, warnings as errors, and minimum coverage
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=json:.coverage.json \
	  --doctest-modules --override-ini 'python_files=test_*.py' tests src scripts
	$(BIN)/python scripts/coverage_floors.py .coverage.json

bench: .venv/.dev  ## measure speed and memory, compare them with bounds, and write docs/results/speed.md
	$(BIN)/python benchmarks/run.py

docs: .venv/.dev  ## rewrite the layer tables and the generated pages of docs/
	$(BIN)/python -m scripts.docs

site: .venv/.docs  ## build the documentation as a website, build/site; needs Python 3.11 or later
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/zensical build --strict --clean

format: .venv/.dev  ## format the code
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

clean:  ## remove .venv and all generated files
	rm -rf .venv build dist .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find src tests benchmarks scripts examples -name __pycache__ -prune -exec rm -rf {} +

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
	  echo "emotone needs Python 3.10 or later; $(PYTHON) is `$(PYTHON) --version 2>/dev/null || echo not there`. Try: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.predict: .venv/.made pyproject.toml constraints.txt
	@echo 'installing emotone into .venv'
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

.venv/.docs: .venv/.predict
	@echo 'installing the documentation tools into .venv'
	@$(PIP) install --constraint constraints.txt --editable '.[docs]' ruff
	@touch $@

.venv/.dev: .venv/.predict
	@echo 'installing the development environment into .venv (torch and all: minutes)'
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@
