# Two commands from a clean clone: `make train` and `make test`. Everything lives in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.DEFAULT_GOAL := help
.PHONY: help install train test docs bench notebook notebook-run dist clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

install: $(STAMP)  ## make .venv and install the package with its tested versions

$(STAMP): setup.cfg requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else \
	  "srgan_keras needs Python 3.11 to 3.13, and $(PYTHON) is %d.%d: use make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c requirements.txt -e '.[test,docs]'
	touch $@

train: install  ## train the default (phantoms, minutes on two cores) into runs/demo
	$(BIN)/python -m srgan_keras.train

test: install docs  ## build the documentation; check style, direction of imports and behaviour
	$(BIN)/ruff check .
	$(BIN)/ruff format --check srgan_keras tests
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadfile

docs: install  ## build the documentation into build/site
	$(BIN)/python docs/prose.py
	$(BIN)/python docs/make_site.py gather build/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	$(BIN)/python docs/make_site.py check build/site

bench: install  ## measure speed, memory and resume against other ways; writes docs/benchmarks.md (Linux)
	$(BIN)/python -m pip install --quiet -c requirements.txt -e '.[bench,export]'
	$(BIN)/python benchmarks/table.py

notebook: install  ## open the walkthrough in Jupyter
	$(BIN)/python -m pip install --quiet -c requirements.txt -e '.[notebook]'
	$(BIN)/jupyter lab notebooks/walkthrough.ipynb

notebook-run: install  ## execute the walkthrough and keep its results in the file
	$(BIN)/python notebooks/execute.py

dist: install  ## build sdist and wheel into dist/ and check them
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m twine check --strict dist/*

clean:  ## remove the environment and caches, not runs/
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .import_linter_cache
