# Each target sets up what it needs; "make help" lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
DATA ?= demo

# Ports and addresses; what the environment holds already wins.
$(foreach line,$(shell sed -n 's/^\([A-Z_]*\)=/\1?=/p' services.env),$(eval $(line)))

export MLFLOW_DISABLE_TELEMETRY := true
export DVC_NO_ANALYTICS := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export GX_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
export TF_CPP_MIN_LOG_LEVEL := 3
unexport PYTHONDONTWRITEBYTECODE # else every process compiles all that it imports anew

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | while IFS=$$'\t' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

.venv/bin/uv: requirements/uv.txt
	@echo "Setting up .venv (once) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "giemsa needs Python 3.11: make PYTHON=/path/to/python3.11 …" >&2; exit 2; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/.run: requirements/run.txt pyproject.toml | .venv/bin/uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/run.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.run
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

.PHONY: setup
setup: .venv/.run ## Install giemsa and its locked requirements into .venv

.PHONY: run
run: .venv/.run ## The main job: make run [DATA=folder, .zip, .npz, bloodmnist or demo]
	@$(BIN)/giemsa ingest '$(DATA)'
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro
	@$(BIN)/giemsa summary

.PHONY: test
test: .venv/.dev ## Set up what the tests need and run them all
	@$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder # the few long files are not left to the end

.PHONY: check
check: .venv/.dev ## Format, lint, types, layers
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: bench
bench: .venv/.dev ## Measure steps of training and the search for copies; benchmarks/ holds more, each with its command
	@$(BIN)/python benchmarks/steps.py
	@$(BIN)/python benchmarks/neighbours.py --environments .cache/benchmarks

.PHONY: ui
ui: .venv/.run ## MLflow's pages, by default on http://127.0.0.1:5000
	@$(BIN)/mlflow server --backend-store-uri "sqlite:///$(CURDIR)/mlflow.db" --default-artifact-root "$(CURDIR)/mlartifacts" --host $(MLFLOW_HOST) --port $(MLFLOW_PORT)

.PHONY: up
up: .venv/.run ## Prefect, MLflow, a worker and the schedules; Ctrl-C stops all
	@$(BIN)/python -m flows.up

.PHONY: status
status: .venv/.run ## What runs, and what is planned
	@$(BIN)/python -m flows.status

.PHONY: data-push
data-push: .venv/.run ## Copy the versioned data to the DVC remote
	@$(BIN)/dvc push

.PHONY: data-pull
data-pull: .venv/.run ## Bring the versioned data of this commit back
	@$(BIN)/dvc pull

.PHONY: lock
lock: .venv/.dev ## Resolve and lock the requirements anew
	@$(BIN)/uv pip compile -q pyproject.toml requirements/cpu.in --override requirements/overrides.txt --python-version 3.11 --python-platform x86_64-manylinux_2_28 --generate-hashes --no-header -o requirements/run.txt
	@$(BIN)/uv pip compile -q pyproject.toml requirements/cpu.in --group dev --override requirements/overrides.txt -c requirements/run.txt --python-version 3.11 --python-platform x86_64-manylinux_2_28 --generate-hashes --no-header -o requirements/dev.txt
