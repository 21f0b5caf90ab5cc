# Everything from a fresh clone: `make demo` to see it work, `make test` to know that it does.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
REPORTS ?= reports

.PHONY: demo test lint train-smoke samples help clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

demo: $(VENV)/.installed ## Analyse the sample recordings and say where the reports are
	$(BIN)/poise analyze sample_videos -o $(REPORTS)
	@echo "Open the reports: $(abspath $(REPORTS))/index.html"

test: lint ## Lint, type-check, and run the tests
	$(BIN)/python -m pytest

lint: $(VENV)/.installed ## Lint and type-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

train-smoke: $(VENV)/.installed ## Train, evaluate, compare and export tiny models in two minutes
	$(BIN)/python -m training.smoke

samples: $(VENV)/.installed ## Make the sample recordings again
	$(BIN)/python sample_videos/make_samples.py

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

clean: ## Remove the virtual environment and the reports
	rm -rf $(VENV) $(REPORTS)
