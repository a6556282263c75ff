# make demo, make test: each alone on a machine with Python >= 3.11 and make; make help lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
# One more than there are cores: tests also wait, for time-outs and for processes that they start.
JOBS ?= $(shell cores=$$(nproc 2>/dev/null || echo 2); [ $$cores -lt 8 ] && expr $$cores + 1 || echo 8)

.PHONY: help demo test lint perf soak evidence-report clean
.DELETE_ON_ERROR:

help:
	@echo "make demo   run the offline benchmark end to end (no keys, no Docker, no GPU)"
	@echo "make test   the project's tests (Docker tests are skipped with the reason where there is no Docker)"
	@echo "make lint   ruff, mypy --strict, import-linter"
	@echo "make perf   what the engine, tables and mlrbench check cost, on this machine (half an hour, 4 GB of disk; FOLDERS=\"a b\" for check)"
	@echo "make soak   200 offline runs of different seeds, each audited: no finding may fail (RUNS=N for fewer; goes on where it stopped)"
	@echo "make evidence-report CORPUS=\"DIR...\" RESULTS=\"FILE.json...\"   measure the checks, write the tables of docs/evidence.md"
	@echo "make clean  remove the environment and what the other targets made"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python >= 3.11 is needed, %s is %s: set PYTHON=..." % (sys.executable, sys.version.split()[0]) if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(RUN) pip install --quiet --editable .
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(RUN) pip install --quiet --editable ".[test]"
	@touch $@

$(VENV)/.lint: pyproject.toml | $(VENV)/bin/python
	$(RUN) pip install --quiet --editable ".[test,lint]"
	@touch $@

demo: $(VENV)/.demo
	$(RUN) pytest --mlr-model=offline --mlr-suite=smoke --mlr-run=mlr-runs/demo-$$(date -u +%Y%m%dT%H%M%SZ) -n 2

test: $(VENV)/.test
	OMP_WAIT_POLICY=PASSIVE OPENBLAS_THREAD_TIMEOUT=4 $(RUN) pytest -n $(JOBS) --dist worksteal tests

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

perf: $(VENV)/.test
	$(RUN) tests.perf.makespan
	$(RUN) tests.perf.items
	$(RUN) tests.perf.rejecting
	$(RUN) tests.perf.memory
	$(RUN) tests.perf.throughput
	$(RUN) tests.perf.store_scale
	$(BIN)/python tests/perf/check_time.py $(FOLDERS)

soak: $(VENV)/.test
	$(RUN) tests.evidence.soak --runs $(or $(RUNS),200) --dir mlr-runs/soak --json mlr-runs/soak.json

evidence-report: $(VENV)/.test
	$(RUN) tests.evidence.report $(CORPUS) --left-out --json $(RESULTS)

clean:
	rm -rf $(VENV) mlr-runs build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
