# Everything from a fresh clone: `make demo` to see it work, `make test` to know that it does.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
REPORTS ?= reports

.PHONY: demo test browser lint map slow chaos lowest audit sbom train-smoke samples help clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

demo: $(VENV)/.installed ## Analyse the sample recordings and say where the reports are
	$(BIN)/poise analyze sample_videos -o $(REPORTS)
	@echo "Open the reports: $(abspath $(REPORTS))/index.html"

test: lint browser ## Lint, type-check, and run the tests
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

# Tests of the pages need Chromium. They are skipped, and say so, where it cannot be had.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk \
	  >/dev/null; } || echo "No Chromium: the tests of the pages will be skipped."

lint: $(VENV)/.installed ## Lint and type-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	printf '%s\n' linux win32 darwin | \
	  xargs -P 3 -I PLATFORM $(BIN)/mypy --platform PLATFORM --cache-dir .mypy_cache/PLATFORM
	$(BIN)/lint-imports

map: $(VENV)/.installed ## Write the map of the house into CONTRIBUTING.md
	$(BIN)/python -m tests.house_map

slow: $(VENV)/.installed ## Run the tests that take long, but for those of `make chaos`
	$(BIN)/python -m pytest -m slow --ignore tests/chaos

chaos: $(VENV)/.installed ## Try to break a batch: kills, damage, hangs, full disks; half an hour
	$(BIN)/python -m pytest -m slow -s tests/chaos tests/system/test_interrupts.py

SMOKE := build/smoke
train-smoke: $(VENV)/.installed ## Train, export, evaluate and compare tiny models in two minutes
	rm -rf $(SMOKE)
	$(BIN)/python -m poise_training.smoke $(SMOKE)
	for m in dense baseline; do \
	  $(BIN)/poise-train fit $(SMOKE)/$$m.toml --out $(SMOKE)/run-$$m --cache $(SMOKE)/cache --threads 1 && \
	  $(BIN)/poise-train export $(SMOKE)/run-$$m --cache $(SMOKE)/cache --out $(SMOKE)/$$m --threads 1 || exit 1; \
	done
	$(BIN)/poise-train evaluate $(SMOKE)/dense $(SMOKE)/dense.toml --changes --out $(SMOKE)/evaluation --threads 1
	$(BIN)/poise-train compare $(SMOKE)/baseline $(SMOKE)/dense $(SMOKE)/dense.toml --out $(SMOKE)/comparison --threads 1

LOWEST := build/lowest
lowest: ## Run the tests with the oldest dependencies that pyproject.toml allows
	mkdir -p build
	sed -nE -e '/^dependencies =/,/^\]/s/.*"([a-z0-9-]+)[>=]=([0-9.]+)".*/\1==\2/p' \
	  -e '/^cluster =/s/.*"([a-z0-9-]+)>=([0-9.]+)".*/\1==\2/p' pyproject.toml > $(LOWEST).txt
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --editable ".[dev]" --constraint $(LOWEST).txt
	$(LOWEST)/bin/python -m pytest -n auto --maxprocesses 4 --dist worksteal \
	  -W default::DeprecationWarning  # which old ones give beside newer ones

audit: $(VENV)/.installed ## Look for known weaknesses in what is installed
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/pip-audit --skip-editable

sbom: $(VENV)/.installed ## Write down what is installed, as CycloneDX
	$(BIN)/python -m pip install --quiet cyclonedx-bom
	$(BIN)/cyclonedx-py environment $(VENV) --pyproject pyproject.toml -o build/sbom.json

samples: $(VENV)/.installed ## Make the sample recordings again (needs espeak-ng)
	$(BIN)/python sample_videos/make_samples.py

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

clean: ## Remove the virtual environment and the reports
	rm -rf $(VENV) $(REPORTS)
