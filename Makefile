# Everything is installed into .venv; nothing outside this folder is touched.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo test check format evals clean

help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## set up .venv with the pinned versions

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0] + ": say make PYTHON=python3.12")'
	@echo "Installing into $(VENV); this takes a minute or two."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@mkdir -p $(VENV)/src && ln -sfn ../.. $(VENV)/src/analyze_experiment
	@touch $(STAMP)

demo: install ## build a sample experiment, analyse it, show the report
	@$(BIN)/run-analysis --demo --unattended

test: install ## run the tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

check: install ## lint, format, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: install ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

evals: install ## measure: the planted experiments, the real ones where present, the benchmarks
	$(BIN)/python -m analyze_experiment.evals.planted.benchmark --publish
	$(BIN)/python -m analyze_experiment.evals.nulls.score
	$(BIN)/python -m analyze_experiment.evals.bench.analysis
	$(BIN)/python -m analyze_experiment.evals.bench.snapshot
	$(BIN)/python -m analyze_experiment.evals.bench.census

clean: ## remove what make made
	rm -rf $(VENV) build dist demo *.egg-info
