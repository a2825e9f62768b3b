.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS := .bench-peers

.PHONY: help setup demo test check fmt cov bench bench-service bench-queue bench-steady bench-peers bench-workers bench-converters clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## Make .venv and install the package into it

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("pywats-trio needs Python 3.11 or newer; set PYTHON=/path/to/it" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@# What of the tests needs pywats-api is left out where that cannot be had.
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[pywats]'
	@touch $@

demo: $(STAMP) ## Watch test files become delivered reports
	$(BIN)/pywats-trio demo

test: $(STAMP) ## Run the tests
	$(BIN)/python -m pytest -n 4 -q

check: $(STAMP) ## Format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(STAMP) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

cov: $(STAMP) ## Tests with branch coverage, subprocesses included
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -n 2
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --fail-under=90

bench: $(STAMP) ## Measure the pipeline
	$(BIN)/python -m benchmarks.pipeline

bench-service: $(STAMP) ## Measure the service around it: start, memory, probes, stop
	$(BIN)/python -m benchmarks.service

bench-queue: $(STAMP) ## Measure the queue: lifecycles, cost against size, operators at work
	$(BIN)/python -m benchmarks.queue

bench-steady: $(STAMP) ## Move a million items through the queue, with retention at work
	$(BIN)/python -m benchmarks.steady

bench-peers: $(STAMP) $(PEERS)/.installed ## Measure the queues of others beside ours
	$(BIN)/python -m benchmarks.peers $(PEERS)/bin/python

bench-workers: $(STAMP) $(PEERS)/.installed ## Measure workers beside the pools of others, and poison files
	$(BIN)/python -m benchmarks.workers --peers $(PEERS)/bin/python

bench-converters: $(STAMP) $(PEERS)/.installed ## Measure each converter beside parsing alone and beside pyWATS's
	$(BIN)/python -m benchmarks.converters --peers $(PEERS)/bin/python

$(PEERS)/.installed: benchmarks/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	-grep -v '^#' $< | xargs -n 1 $(PEERS)/bin/python -m pip install \
	  --quiet --disable-pip-version-check -c $<
	@touch $@

clean: ## Remove what make made
	rm -rf $(VENV) $(PEERS) build dist htmlcov .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
