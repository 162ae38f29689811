# `make demo` and `make test` set up all that they need in $(VENV), from Python and make alone.
# PYTHON=python3.13 chooses another Python, PORT=8001 another port for the demo, ONCE=1 ends it after the walk,
# DATABASE_URL=postgres://... or mysql://... another database for the tests, COVERAGE=1 measures their coverage.

# pytest rewrites 450 modules; unless it may keep the result, at each start.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV ?= .venv
PYTHONS ?= 3.10 3.11 3.12 3.13
BIN := $(VENV)/bin

VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
DRIVER := $(if $(findstring postgres,$(DATABASE_URL)),postgresql)$(if $(findstring mysql,$(DATABASE_URL)),mysql)
PACKAGE := .$(if $(DRIVER),[$(DRIVER)])
BASE := $(VENV)/.python-$(VERSION)
READY := $(BASE)-test-$(or $(DRIVER),sqlite)

.PHONY: help demo test lint docs build release-check clean

help:
	@echo "make demo    walk through the login flows against a running server, then keep it up with its page on port 8000"
	@echo "make test    run the test suite on SQLite, or on DATABASE_URL"
	@echo "make lint    ruff, mypy, import contracts, missing migrations; Dockerfile, compose file and workflows"
	@echo "make docs    build the documentation site into docs/_build/html"
	@echo "make build   build sdist and, from it, the wheel into dist/; check their metadata and what is in the wheel"
	@echo "make release-check   demo and tests on every Python of PYTHONS, each in an environment of its own"
	@echo "make clean   remove what these made"

demo: $(BASE)
	@$(BIN)/python example_project/demo.py

test: $(READY)
	$(BIN)/python $(if $(COVERAGE),-m coverage run )-m pytest $(ARGS)

lint: $(BASE)-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python -m django makemigrations jwt_drf_passwordless --check --dry-run
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml .github/workflows/release.yml
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/hadolint Dockerfile

docs: $(BASE)-docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --nitpicky --fresh-env docs docs/_build/html

build: $(BASE)-release
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist

release-check:
	@set -e; for version in $(PYTHONS); do \
		echo "=== Python $$version"; \
		python=$$(.ci/find-python $$version); \
		ONCE=1 $(MAKE) --no-print-directory demo PYTHON="$$python" VENV=.venv-$$version; \
		$(MAKE) --no-print-directory test PYTHON="$$python" VENV=.venv-$$version; \
	done

clean:
	rm -rf $(VENV) .venv-* build dist docs/_build .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	rm -f example_project/*.sqlite3

$(BASE): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("Python 3.10 or newer is needed, this is %s: make PYTHON=python3.12 ..." % sys.version.split()[0])'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[openapi,passkeys,totp]' --group demo
	@touch $@

$(READY): $(BASE)
	$(BIN)/python -m pip install --quiet --editable '$(PACKAGE)' --group test
	@touch $@

$(BASE)-lint: $(READY)
	$(BIN)/python -m pip install --quiet --group lint
	@touch $@

$(BASE)-docs: $(BASE)
	@$(BIN)/python -m pip install --quiet --group docs
	@touch $@

$(BASE)-release: $(BASE)
	$(BIN)/python -m pip install --quiet --group release
	@touch $@
