# `make lab` opens the workbook, `make test` checks it; both set everything up first. `make PYTHON=python3.12 lab`
# chooses the interpreter, Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
LAB_SETTINGS := $(VENV)/share/jupyter/lab/settings
NOTEBOOKS := $(wildcard notebooks/0*.ipynb)

.PHONY: lab test lint pages tests nbval second second-voice second-others bench fuzz notebooks format clean

lab: $(STAMP)
	$(BIN)/jupyter lab notebooks/00_start.ipynb

# Threads that do not wait in a loop keep notebooks and tests quick on a machine that has other work too. They read it when
# PyTorch is imported, which in a notebook comes before ddsp_nb, so it has to be set for the kernels here.
export GOMP_SPINCOUNT ?= 100

# Two at a time: tests of the page wait for a browser for much of theirs.
test: $(STAMP)
	$(MAKE) --jobs=2 --no-print-directory lint pages tests nbval second

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/oxfmt --check ddsp_nb/panels/js
	$(BIN)/oxlint --deny-warnings ddsp_nb/panels/js
	$(BIN)/mypy

pages: $(STAMP)
	$(BIN)/pytest --durations=10 tests/browser

tests: $(STAMP)
	$(BIN)/pytest --durations=10 --ignore=tests/browser tests

# In an empty workspace, so that the recording a user chose changes no checked output. What it says comes at its end.
# What librosa compiles is that of the tests, tests/conftest.py.
nbval: export NUMBA_OPT := 0
nbval: export NUMBA_CACHE_DIR := $(CURDIR)/.pytest_cache/numba
nbval: $(STAMP)
	@workspace=$$(mktemp -d) && trap 'rm -rf "$$workspace"' EXIT && said=$$(DDSP_NB_WORKSPACE=$$workspace \
		$(BIN)/pytest --nbval-lax --nbval-current-env --nbval-cell-timeout=300 $(NOTEBOOKS) 2>&1); \
		failed=$$?; echo "$$said"; exit $$failed

# In two parts, so that the two jobs of `make test` end together.
second: second-voice second-others

second-voice: $(STAMP)
	$(BIN)/pytest --durations=10 -k voice tests/second_recording.py

second-others: $(STAMP)
	$(BIN)/pytest --durations=10 -k "not voice" tests/second_recording.py

bench: $(STAMP)
	$(BIN)/python -m tests.benchmarks.benchmark
	$(BIN)/python -m tests.benchmarks.benchmark trackers data/*.flac

# `make fuzz N=1000000` damages more files.
N ?= 100000
fuzz: $(STAMP)
	N_DAMAGED=$(N) $(BIN)/pytest tests/test_fuzz.py

notebooks: $(STAMP)
	$(BIN)/python -m tests.refresh

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/oxfmt ddsp_nb/panels/js

clean:
	rm -rf $(VENV)

# Python compiles what it imports when it does; compiling all of it here takes 16 s of a minute.
# The pip of Python 3.11 takes 40 s longer to settle all versions. PyTorch comes before the rest and alone, so that its build
# is settled before anything else asks for one.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q pip==26.3
	$(BIN)/pip install -q --no-compile $(shell grep '^torch==' constraints.txt)
	$(BIN)/pip install -q --no-compile -c constraints.txt -e '.[dev]'
	@# JupyterLab neither asks about its news, over the newcomer's first notebook, nor looks for updates in the net.
	@mkdir -p $(LAB_SETTINGS)
	@echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}' \
		>$(LAB_SETTINGS)/overrides.json
	@touch $@
