# `make test` and `make demo` work from a fresh clone: they need python3 >= 3.11 with venv, and make.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= $(shell for python in python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test test-system-python run-system-python lint bench torture fuzz mutants clean
.NOTPARALLEL:

help:  ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(STAMP)  ## A load balancer with servers to try it on, in the foreground
	$(BIN)/twistd -n --pidfile= lb --demo

# Most of the functional tests wait for a drain to end, so three take little more from two cores than one.
JOBS := 3

test: lint  ## Everything that must pass before a commit
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

SYSTEM_PYTHON := /usr/bin/python3
SYSTEM_VENV := .venv-system
SYSTEM_STAMP := $(SYSTEM_VENV)/.installed
# What speaks to the interpreter most; what takes long says nothing more of it. They wait for little, and each
# process has to collect all of them, so two take less than three.
SYSTEM_TESTS := tests/model tests/wire tests/net -m 'not (hypothesis or slow or functional)'
SYSTEM_LACKS = \
	if [ ! -x $(SYSTEM_PYTHON) ]; then echo 'there is no $(SYSTEM_PYTHON)'; \
	elif ! $(SYSTEM_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		echo '$(SYSTEM_PYTHON) is older than 3.11'; \
	elif [ "$$(readlink -f $(SYSTEM_PYTHON))" = "$$(readlink -f $(BIN)/python)" ]; then \
		echo '$(SYSTEM_PYTHON) is the one of $(VENV)'; \
	elif ! $(SYSTEM_PYTHON) -c 'import ensurepip' 2>/dev/null; then \
		echo '$(SYSTEM_PYTHON) cannot make virtual environments. On Debian: apt install python3-venv'; fi

test-system-python: $(STAMP)  ## Quick tests under the system's own Python, where that is another one
	@lacks=$$($(SYSTEM_LACKS)); \
	if [ -n "$$lacks" ]; then echo "test-system-python is skipped: $$lacks"; \
	else $(MAKE) --no-print-directory run-system-python; fi

run-system-python: $(SYSTEM_STAMP)
	$(SYSTEM_VENV)/bin/python -VV
	$(SYSTEM_VENV)/bin/python -m pytest -p no:cacheprovider --numprocesses 2 --dist loadfile $(SYSTEM_TESTS)

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
	rm -rf $(VENV) $(SYSTEM_VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
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

$(SYSTEM_STAMP): setup.cfg pyproject.toml
	rm -rf $(SYSTEM_VENV)
	$(SYSTEM_PYTHON) -m venv $(SYSTEM_VENV)
	$(SYSTEM_VENV)/bin/python -m pip install --quiet 'setuptools>=77.0.1'
	$(SYSTEM_VENV)/bin/python -m pip install --quiet --no-build-isolation --editable '.[test]'
	touch $@
