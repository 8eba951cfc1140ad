# `make demo` and `make test` need Python 3.11 or newer and nothing else: they make .venv themselves.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2

.PHONY: demo test test-slow test-page fault check lint coverage-sims clean

demo: $(VENV)/.installed
	$(BIN)/python -m arena.run --pair senior:junior

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

test-slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m slow

# The page in Chromium, the rules of axe-core included: npm fetches it to a temporary folder.
test-page: $(VENV)/.installed-test
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	npm install --no-audit --no-fund --silent --prefix "$$folder" axe-core && \
	AXE_CORE=$$folder/node_modules/axe-core/axe.min.js $(BIN)/python -m pytest tests/test_page*.py

# The server of a study killed twenty times under load, and sent nonsense: about three minutes.
fault: $(VENV)/.installed-test
	$(BIN)/python -m tests.fault

check: lint
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

lint: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The simulated studies of all statistics, with known truth (docs/COVERAGE.md): about 20 minutes of one core.
coverage-sims: $(VENV)/.installed
	$(BIN)/python -m benchmarks.coverage --markdown docs/COVERAGE.md

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install -q -c constraints.txt -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache
