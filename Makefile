# Every target makes its own environment: a fresh machine needs Python >= 3.10 and a package index.
#
#   make simulate   three hours of sixteen books of today's market with the preset money, and a report
#   make test       every check: format, lint, types, imports, doctests, tests, coverage
#   make check      the checks without the tests
#   make smoke      the least that must hold on any Python, with the newest dependencies, or the oldest allowed:
#                   make smoke PYTHON=python3.13 RESOLUTION=lowest-direct VENV=.venv-3.13-oldest
#   make long       the minutes-long tests
#   make live-tests the live path against bittensor itself, in an environment of its own: EXTRA=live is
#                   bittensor 10.5, EXTRA=live11 is bittensor 11, which cannot be installed together
#   make docs       the documentation site, in .docs/index.html; any warning fails
#   make release-check  sdist and wheel, built and tried in clean environments: make release-check PYTHON=python3.13
#   make bench      figures of speed, kept in .benchmarks; nothing in it fails on a slow machine:
#                   make bench BASE=.benchmarks/2026-01-31T12-00-00.json tells them beside those of that run
#
# PYTHON=python3.12 make test   uses another interpreter; give it its own VENV=.venv-3.12

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= auto
RESOLUTION ?= highest
EXTRA ?= live
LIVE := .venv-$(EXTRA)
DOCS := .venv-docs
UV := .venv-uv/bin/uv
ROOMS := market signals risk execution agent wire scoring

.PHONY: simulate test check format lint types imports tests coverage smoke long live-tests docs release-check bench clean

simulate: $(VENV)/.user
	$(BIN)/obmm warmup
	$(BIN)/obmm simulate --preset money --beside balanced --books 16 --hours 3 --seed 1 --out runs/first --force

test: check tests coverage

check: format lint types imports

format: $(VENV)/.dev
	$(BIN)/ruff format --check .

lint: $(VENV)/.dev
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports

# Compiled modules are built once before the workers share them.
tests: $(VENV)/.dev
	$(BIN)/obmm warmup
	$(BIN)/python -m pytest -n $(JOBS) --cov --cov-report= $(PYTEST_ARGS)

coverage: $(VENV)/.dev
	@for room in $(ROOMS); do \
	  printf '%-10s ' $$room; \
	  $(BIN)/coverage report --include="src/obmm/$$room/*" --fail-under=95 --format=total > $(VENV)/.coverage-total \
	    || { cat $(VENV)/.coverage-total; $(BIN)/coverage report --include="src/obmm/$$room/*"; exit 1; }; \
	  echo "$$(cat $(VENV)/.coverage-total) % of lines and branches"; \
	done

smoke: $(VENV)/.smoke
	$(BIN)/python -m pytest tests/smoke tests/test_package.py tests/agent tests/wire $(PYTEST_ARGS)

long: $(VENV)/.dev
	$(BIN)/python -m pytest -m long -n $(JOBS) $(PYTEST_ARGS)

live-tests: $(LIVE)/.live
	$(LIVE)/bin/python -m pytest tests/live tests/cli/test_cli_run.py tests/cli/test_cli_export_agent.py $(PYTEST_ARGS)

docs: $(DOCS)/.docs
	$(DOCS)/bin/sphinx-build --quiet --fail-on-warning --keep-going --nitpicky --fresh-env docs .docs

release-check:
	PYTHON=$(PYTHON) .ci/release-check

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py $(if $(BASE),--base $(BASE))

# The editable install follows the sources; only a change of the metadata asks for a new one.
$(VENV)/.user: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.user

$(LIVE)/.live: pyproject.toml
	$(PYTHON) -m venv $(LIVE)
	$(LIVE)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,$(EXTRA)]'
	@touch $@

$(DOCS)/.docs: pyproject.toml
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

# uv, since pip cannot be asked for the oldest versions; only ready-made wheels, so that no compiler is needed.
$(VENV)/.smoke: pyproject.toml | $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python --resolution $(RESOLUTION) \
	  --only-binary :all: --no-binary obmm --editable '.[dev]'
	@touch $@ $(VENV)/.dev $(VENV)/.user

$(UV):
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) .venv-* .docs .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
