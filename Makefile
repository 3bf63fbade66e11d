# The commands of the README. Each sets up what it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := setup.py pyproject.toml $(wildcard src/nhwc/_core.p* src/nhwc/*.pxi csrc/flags.mk csrc/*.h csrc/*/*.h csrc/*/*.c)
FORMATTED := $(wildcard csrc/*.h csrc/*/*.h csrc/*/*.c tests/c/*.c tests/c/*.h)

BASE ?= HEAD~1
RANGE ?= HEAD~10..HEAD
THREADS ?= 1,2
# Where peers are that .venv lacks: PEERS="--peer-python torch=/opt/torch/bin/python --peer-python ..."
PEERS ?=

.PHONY: demo test test-long check format bench bench-compare dashboard dashboard-static speed wheel clean

demo: $(VENV)/.demo
	$(BIN)/python -m nhwc demo

test: $(VENV)/.test
	$(BIN)/python -m pytest -m "not long"

test-long: $(VENV)/.test $(VENV)/.bench
	$(BIN)/python -m pytest
	PYTHONPATH=tests $(BIN)/python -m fuzz --count 100000 --seed 1000 --resume build/fuzz.json
	$(MAKE) -C tests/c

bench: $(VENV)/.bench
	@echo "A pass over every layer of the table, on all cores: about a minute."
	$(BIN)/python -m nhwc bench --seconds 0.1

# Two commits in turns: BASE and HEAD, each built by asv.
bench-compare: $(VENV)/.bench
	@echo "Builds $(BASE) and HEAD and measures the quick suite of both in turns: about 6 minutes."
	$(BIN)/python benchmarks/dashboard compare $(BASE)

# The quick suite over a range of commits, then the dashboard on the loopback device.
dashboard: $(VENV)/.bench
	@echo "Builds and measures the commits of $(RANGE): about 2 minutes each, none twice."
	$(BIN)/python benchmarks/dashboard run "$(RANGE)"
	$(BIN)/python benchmarks/dashboard publish
	$(BIN)/python benchmarks/dashboard serve

dashboard-static: $(VENV)/.bench
	@echo "Publishes what is measured to benchmarks/.asv/html: about 20 seconds."
	$(BIN)/python benchmarks/dashboard publish

# The README's table and picture of speed, and the landing page's table, measured anew.
speed: $(VENV)/.bench
	@echo "Measures all layers beside all peers on $(THREADS) threads: about 4 minutes for each number of threads and 5 peers."
	$(BIN)/python -m nhwc bench --compare --threads $(THREADS) $(PEERS) --json benchmarks/peers.json
	$(BIN)/python benchmarks/dashboard readme

# What a release on Linux holds, at most 2.25 MiB of it; which library of OpenMP is in it, and where it runs.
wheel: $(VENV)/.wheel
	rm -rf build/wheel dist
	$(BIN)/python -m build --outdir build/wheel
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/auditwheel repair --strip -w dist build/wheel/*.whl
	$(BIN)/auditwheel show dist/*.whl
	$(BIN)/python -m zipfile -l dist/*.whl
	ls -l dist && test "$$(stat -c %s dist/*.whl)" -le 2359296

check: $(VENV)/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(FORMATTED)
	NHWC_WERROR=1 $(BIN)/python setup.py -q build_ext --force --build-temp build/werror --build-lib build/werror-lib
	MYPYPATH=src $(BIN)/python -m mypy.stubtest nhwc._core --ignore-missing-stub

format: $(VENV)/.check
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(FORMATTED)

clean:
	rm -rf build dist $(VENV) src/*.egg-info src/nhwc/*.so

# One marker file for each extra that is installed.
$(VENV)/.%: $(BIN)/python $(SOURCES)
	@cc="$${CC:-cc}"; command -v $${cc%% *} > /dev/null || { echo "nhwc needs a C compiler: $$cc is not on the PATH (Debian: apt install gcc)" >&2; exit 1; }
	$(BIN)/pip install -q -e ".[$*]"
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "nhwc needs Python 3.10 or newer as $(PYTHON)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null || { echo "nhwc needs Python's venv module (Debian: apt install python3-venv)" >&2; exit 1; }
	@$(PYTHON) -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || { echo "nhwc needs Python's headers (Debian: apt install python3-dev)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --upgrade pip
