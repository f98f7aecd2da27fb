# What a contributor types. Everything here works in a fresh clone; CONTRIBUTING.md explains the way of working.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
# suites whose tests share nothing: they run side by side
QUICK := tests/architecture/ tests/contract/ tests/golden/ tests/property/ tests/unit/
# clusters of several nodes: a node that is starved of a core for some seconds counts as dead
RAY := $(wildcard tests/integration/test_ray_*.py)
# real processes and a browser beside each other on few cores: what fails there runs once more, alone, and has to pass
SHARED := $(addprefix --ignore=,$(RAY)) $(filter-out $(QUICK),$(wildcard tests/*/))
# fault tests that need no core of their own
BESIDE := $(QUICK) tests/e2e/
PATHS := reid_core search_spaces orchestrator dashboards tests tools
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
export MLFLOW_DISABLE_TELEMETRY := true
export RAY_USAGE_STATS_ENABLED := 0

.PHONY: help setup demo test lint lint-js fast golden test-faults bench audit lock dist docs system format clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP)  ## .venv with the pinned dependencies (< 1 s when nothing changed)

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; name another with PYTHON=python3.12" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

demo: setup  ## the main job on built-in data: reid-tune --space bnneck.yaml --trials 12
	$(BIN)/reid-tune --space bnneck.yaml --trials 12

system:  ## system packages that the browser tests need
ifeq ($(CHROMIUM),)
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; \
	else echo "Chromium not found: the browser tests will be skipped by name"; fi
endif

lint: setup  ## ruff, mypy --strict, import-linter, generated files up to date
	$(BIN)/ruff check $(PATHS)
	$(BIN)/ruff format --check $(PATHS)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/space_reference.py --check
	$(BIN)/python tools/task_table.py --check
	$(BIN)/python tools/command_reference.py --check
	$(BIN)/python tools/api_types.py --check
	$(BIN)/python tools/http_reference.py --check
	$(BIN)/python tools/configuration_reference.py --check
	@$(MAKE) --no-print-directory lint-js

lint-js:  ## the pages' modules: tsc --checkJs and eslint; says so where there is no npm
	@if command -v npm >/dev/null; then \
	  test tools/js/node_modules/.package-lock.json -nt tools/js/package-lock.json || npm ci --silent --prefix tools/js; \
	  npm run --silent --prefix tools/js types && npm run --silent --prefix tools/js lint; \
	else echo "npm not found: the JavaScript of the pages is not checked"; fi

fast: setup  ## the inner loop, under a minute: the tests that are not marked slow
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m "not slow and not browser and not faults" -n logical --maxprocesses 8 --dist loadgroup tests/unit tests/property tests/architecture

test: setup system lint  ## everything but the slow fault and bench suites
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m "not faults" -n logical --maxprocesses 8 --dist loadgroup $(QUICK)
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m "not faults" -n logical --maxprocesses 8 --dist loadfile $(SHARED) \
	  || { echo "once more, alone: what failed"; $(BIN)/pytest -q -m "not faults" --last-failed --last-failed-no-failures none $(SHARED); }
	$(BIN)/pytest -q -m "not faults" $(RAY)

golden: setup  ## reference numbers; REID_GOLDEN=FOLDER checks another folder
	$(BIN)/pytest -q tests/golden

test-faults: setup  ## the slow fault suite (80 minutes on two cores), and a table of how it ended
	@mkdir -p build && rm -f build/faults-*.xml
	failed=0; \
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -m "faults or hypothesis" --hypothesis-profile=other -n logical --maxprocesses 8 --dist loadfile --junitxml build/faults-beside.xml $(BESIDE) || failed=1; \
	$(BIN)/pytest -q -m faults --junitxml build/faults-alone.xml tests/integration/ || failed=1; \
	$(BIN)/python tools/test_table.py build/faults-*.xml; exit $$failed

bench: setup  ## every budget and its peer: a table and build/bench.json; ONLY=PATTERN picks rows
	$(BIN)/python tests/perf/bench.py $(if $(ONLY),--only '$(ONLY)')

audit: setup  ## known vulnerabilities of the pinned packages; says so where the service cannot be reached
	@$(BIN)/python tools/audit.py constraints.txt

lock: setup  ## requirements.lock anew: what constraints.txt pins for an installation, with the hashes of all files
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/python tools/lock.py build/lock/bin/uv

dist: setup  ## wheel, source, man pages, bill of materials and licences in dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist
	$(BIN)/python tools/command_reference.py --man dist/man
	$(PYTHON) -m venv --clear build/shipped  # what a user gets, without the tools of this tree
	build/shipped/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt dist/*.whl
	$(BIN)/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml --output-file dist/sbom.json build/shipped/bin/python
	$(BIN)/pip-licenses --python=build/shipped/bin/python --from=mixed --format=markdown --order=license --output-file=dist/licences.md

docs: setup  ## the documentation's site in build/site; a broken link is an error
	$(BIN)/mkdocs build --quiet

format: setup  ## ruff's formatter and safe fixes
	$(BIN)/ruff check --fix $(PATHS)
	$(BIN)/ruff format $(PATHS)

clean:  ## remove caches and build products, keep .venv
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
