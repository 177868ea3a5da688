# Everything a newcomer types. Each target makes the environment it needs.
#   make demo | demo-opensearch | test | test-all | fuzz | lint | docs | clean          PYTHON=python3.12 make test picks the interpreter

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
# Named after the interpreter's version, not its path: one environment never meets two interpreters.
VENV ?= .venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
READY := $(VENV)/.installed
# Only this project's own environment counts: a Java, or options for one, set up for other programs must not.
BIN := $(VENV)/bin
# Two processes: tests of one file, and all that need the cluster, run in the same one (tests/conftest.py).
IN_TWO := -n 2 --dist loadscope

MINUTES ?= 1

.PHONY: environment demo demo-opensearch test test-all fuzz lint docs clean
demo: $(READY)
	$(BIN)/python -m benchmarks.demo

demo-opensearch: $(READY)
	$(BIN)/python -m benchmarks.demo_opensearch

test: $(READY)
	$(BIN)/python -m pytest $(IN_TWO)

test-all: $(READY)
	$(BIN)/python -m pytest $(IN_TWO) -m "slow or not slow" --cov --cov-report=term

# Every reader for so many minutes; what was found lies in fuzz-found/.
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

environment: $(READY)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Strict: a link or an anchor that leads nowhere fails, and so does a notebook.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "the documents: site/index.html"

# What is imported is compiled then; the rest, most of it, never is, which saves a minute or two.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "elsa-index needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) --version 2>&1 | head -n 1); name another, for example: PYTHON=python3.12 make test" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing some 230 packages (7 GB, most of it torch) into $(VENV), in two to five minutes:"
	@PYTHONUNBUFFERED=1 $(BIN)/python -m pip install --disable-pip-version-check --no-compile --editable '.[demo,dev]' | \
	  while read -r what rest; do case "$$what $$rest" in \
	    Collecting*) n=$$((n + 1)); echo "  $$n: $$what $$rest" ;; \
	    Downloading* | Using\ cached*) echo "  $$n: $$what $$rest" ;; \
	    Installing\ collected*) echo "  unpacking $$n packages, the last step, a minute or two" ;; \
	  esac; done
	@# Reads the Common Index File Format, apart from our writer. It asks for a protobuf older than OpenTelemetry does, yet
	@# reads with a newer one: its requirements are left out.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps 'ciff-toolkit>=0.2.2'
	@touch $@
	@echo "installed; to use it yourself: . $(VENV)/bin/activate"

clean:
	rm -rf build site .cache fuzz-found .jars demo-output *.egg-info .pytest_cache .mypy_cache .ruff_cache
