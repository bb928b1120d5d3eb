# Each target makes the virtual environment it needs, and works from a bare machine with Python 3.10 or later.

# The newest Python that runs; pyenv's shims, for one, may stand in PATH and not run.
PYTHON ?= $(shell for python in python3.14 python3.13 python3.12 python3.11 python3.10 python3 python; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null \
	&& { echo $$python; break; }; done)

# One for each version, so that `make test PYTHON=...` with another one does not reuse the wrong environment.
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
RUN_ENV = .venv
TEST_ENV = .venv-test-$(VERSION)
LINT_ENV = .venv-lint
DOCS_ENV = .venv-docs
BENCH_ENV = .venv-bench

.PHONY: run test test-env soak lint docs bench bench-check clean python

run: $(RUN_ENV)/installed
	$(RUN_ENV)/bin/spyce serve examples --port 8000

test: $(TEST_ENV)/installed
	$(TEST_ENV)/bin/python -m pytest -n auto --maxprocesses=4 --dist worksteal $(ARGS)

test-env: $(TEST_ENV)/installed

soak: $(TEST_ENV)/installed
	SPYCE_SOAK=1 $(TEST_ENV)/bin/python -m pytest $(ARGS)

lint: $(LINT_ENV)/installed
	$(LINT_ENV)/bin/ruff check .
	$(LINT_ENV)/bin/mypy --strict spyce modules tags

docs: $(DOCS_ENV)/installed
	$(DOCS_ENV)/bin/python -m sphinx -q -W --keep-going -b html docs/manual build/manual
	@echo "The manual is at build/manual/index.html"

# Writes docs/speed.txt, docs/speed.svg and docs/growth.svg; takes twenty minutes. `wrk` is used if it is there.
bench: $(BENCH_ENV)/installed
	$(BENCH_ENV)/bin/python -m benchmarks --write $(ARGS)

bench-check: $(BENCH_ENV)/installed
	$(BENCH_ENV)/bin/python -m benchmarks --check $(ARGS)

clean:
	rm -rf .venv .venv-* build *.egg-info .pytest_cache .mypy_cache .ruff_cache

python:
	@test -n "$(VERSION)" || { echo "no Python 3.10 or later found; name one: make PYTHON=/path/to/python3" >&2; exit 1; }

$(RUN_ENV)/installed: EXTRAS =
$(TEST_ENV)/installed: EXTRAS = [test]
$(LINT_ENV)/installed: EXTRAS = [test,lint]
$(DOCS_ENV)/installed: EXTRAS = [docs]
$(BENCH_ENV)/installed: EXTRAS = [bench]

# Without compiling, which takes as long as all the rest: Python compiles what it imports.
%/installed: setup.py pyproject.toml | python
	$(PYTHON) -m venv --clear $*
	$*/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.$(EXTRAS)'
	@touch $@
