# `make` alone lists the targets. Everything runs in .venv, which the first target that needs it builds from requirements.lock.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
TORCH := $(shell sed -n 's/^torch==//p' requirements.lock)
PIP := $(PY) -m pip --disable-pip-version-check --quiet
PYTEST_ARGS ?=
PLATFORMS ?=
PYTHONS ?=

.PHONY: help demo test lab workshop usb book bench lint format types check lock clean python-version

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## run notebooks 01 and a small 03, write out/demo/index.html and print its path
	$(PY) notebooks/demo.py

test: $(READY) ## run every test; warnings are errors
	$(PY) -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lab: $(READY) ## open JupyterLab at the first notebook
	$(PY) -m jupyterlab notebooks/01_explore_scores.ipynb

workshop: $(READY) ## write out/workshop: notebooks for students, with solutions, slides, pages, a handout
	$(PY) notebooks/workshop/build.py
	$(PY) notebooks/workshop/pages.py

usb: $(READY) ## write out/usb, from which laptops install the workshop offline; PLATFORMS= and PYTHONS= say which
	$(PY) notebooks/workshop/stick/build.py --platforms "$(PLATFORMS)" --pythons "$(PYTHONS)"

book: $(READY) ## run the notebooks that changed, write the book to out/book/html and print its path
	$(PY) docs/execute_notebooks.py
	$(PY) docs/build_book.py

bench: $(READY) ## run the benchmarks and write their results
	$(PY) benchmarks/run.py

lint: $(READY) ## check style, formatting and the rules between rooms
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(VENV)/bin/lint-imports

format: $(READY) ## put code and notebooks into shape
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

types: $(READY) ## check types
	$(PY) -m pyright --pythonpath $(PY)

check: lint types test ## everything that CI checks

clean: ## remove .venv, out/ and the caches
	rm -rf $(VENV) out notebooks/out build dist .pytest_cache .ruff_cache .hypothesis

python-version:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, but '$(PYTHON)' is: $$($(PYTHON) --version 2>&1 || true)"; \
	  echo "Name another one, for example: make demo PYTHON=python3.12"; exit 1; }

$(READY): requirements.lock pyproject.toml | python-version
	@echo "Building $(VENV) (about 2.5 GB; the first download takes some minutes)"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PIP) install --no-compile "torch==$(TORCH)"
	$(PIP) install --no-compile -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

lock: | python-version ## resolve pyproject.toml anew in a clean environment and write requirements.lock
	@set -euo pipefail; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	$(PYTHON) -m venv "$$tmp/venv"; pip="$$tmp/venv/bin/python -m pip --disable-pip-version-check --quiet"; \
	$$pip install "torch==$(or $(TORCH),2.13.0)"; \
	$$pip install --editable '.[dev]'; \
	{ echo "# Every version of the environment that is tested, made by \`make lock\` from pyproject.toml. Do not edit."; \
	  $$pip freeze --exclude-editable | sed 's/^\(torch==[0-9.]*\)+.*/\1/' | grep -v -i -E '^(nvidia-|cuda-|triton==)'; } > "$$tmp/lock"; \
	! grep -n -E '@|/' <(tail -n +2 "$$tmp/lock") || { echo "A pin names a file or a host; see above."; exit 1; }; \
	mv "$$tmp/lock" requirements.lock; wc -l requirements.lock
