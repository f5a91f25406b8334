# `make test` and `make demo` work from a fresh clone: they need python3 >= 3.11 with venv, and make.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= $(shell for python in python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test lint bench torture fuzz mutants clean
.NOTPARALLEL:

help:  ## This list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8

demo: $(STAMP)  ## A load balancer with servers to try it on, in the foreground
	$(BIN)/twistd -n --pidfile= lb --demo

# Most of the functional tests wait for a drain to end, so three take little more from two cores than one.
JOBS := 3

test: lint  ## Everything that must pass before a commit
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

lint: $(STAMP)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy lbtwist tests benchmarks torture fuzz

CASES :=
ROUNDS := 3

bench: $(STAMP)  ## Beside haproxy and nginx, in minutes: make bench CASES="tcp http-kept" ROUNDS=5
	$(BIN)/python -m benchmarks $(CASES) --rounds $(ROUNDS)

SCENARIOS :=

torture: $(STAMP)  ## Under load and fault, beside haproxy and nginx, ten minutes: make torture SCENARIOS="B E"
	$(BIN)/python -m torture $(SCENARIOS)

SECONDS := 60
TARGETS :=

fuzz: $(STAMP)  ## All that reads bytes of others, under atheris: make fuzz SECONDS=60 TARGETS="request_head proxy"
	$(BIN)/python -c 'import atheris' || $(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[fuzz]'
	$(BIN)/python -m fuzz --seconds $(SECONDS) $(TARGETS)

MUTANTS := lbtwist.*

mutants: $(STAMP)  ## Which changes of the code no test sees, in hours: make mutants MUTANTS="lbtwist.wire.body.*"
	$(BIN)/mutmut --version || $(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[mutants]'
	nice -n 19 $(BIN)/mutmut run --max-children 1 "$(MUTANTS)"

clean:  ## Remove whatever `make` and the tools have made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf fuzz/found mutants
	rm -f twisted/plugins/dropin.cache twistd.pid benchmarks/results.json
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# setuptools first, and no build isolation: then nothing is downloaded when all is there already.
# getPlugins writes dropin.cache, which twistd started without the right to write there would miss.
$(STAMP): setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet 'setuptools>=77.0.1'
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[test,dev]'
	$(BIN)/python -c 'from twisted.plugin import IPlugin, getPlugins; list(getPlugins(IPlugin))'
	touch $@

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'lbtwist needs Python 3.11 or later (make PYTHON=... names one).' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo '$(PYTHON) cannot make virtual environments. On Debian: apt install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
