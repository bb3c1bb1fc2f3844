# Baton's chores. A fresh machine needs git, make and Python 3.11 or newer; everything else goes into .venv.
# All paths are relative, so that the checkout may stand in a folder with spaces in its name.
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DEFAULT_GOAL := help
.PHONY: help demo test check proofs campaigns format lock docs setup clean moved

export PYTHON
BASE := .venv/.base.stamp
DEV := .venv/.dev.stamp

# An environment that was moved with its folder points to where it was: it is made anew.
ifneq ($(shell cat .venv/.place 2>/dev/null),$(CURDIR))
MOVED := moved
endif

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: $(BASE) ## a year of flights through the whole lifecycle; again: its summary; FRESH=1: from the start
	.venv/bin/baton replay examples/flights $(if $(filter-out 0 no,$(FRESH)),--fresh)

PAIR := -n 2 --dist loadfile

test: $(DEV) ## the tests, in at most ten minutes; ARGS="tests/unit -k ledger" chooses
	.venv/bin/python -m pytest $(or $(ARGS),$(PAIR))

check: $(DEV) ## exactly what is checked on every change: format, lint, types, layers, docs, tests
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python docs/generate.py --check
	.venv/bin/python -m pytest $(PAIR)

proofs: $(DEV) ## the slower proofs: kills, whole replays, a fresh checkout
	.venv/bin/python -m pytest -m slow --timeout=900 $(PAIR)

campaigns: $(DEV) ## the proofs at full length: a hundred kills, a million requests; run by hand, with their figures
	.venv/bin/python -m pytest -m campaign -s --timeout=3600

format: $(DEV) ## put the code in order
	.venv/bin/ruff check --fix-only --quiet
	.venv/bin/ruff format

docs: $(DEV) ## write the generated pages of docs/reference
	.venv/bin/python docs/generate.py

LOCK := .venv/bin/python -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-header --quiet $(if $(UPGRADE),--upgrade)

lock: $(DEV) ## resolve the dependencies of pyproject.toml; UPGRADE=1: to their newest versions
	$(LOCK) --group build --extra report pyproject.toml -o requirements/base.lock
	$(LOCK) --group build --group dev --extra grpc --extra testing -c requirements/base.lock pyproject.toml -o requirements/dev.lock
	$(LOCK) -c requirements/base.lock packaging/runtime/pyproject.toml -o packaging/runtime/requirements.lock
	echo 'uv>=0.9' | $(LOCK) - -o requirements/uv.lock

setup: $(DEV) ## the environment for working on Baton, in .venv

clean: ## remove the environment and all caches; workspaces (.baton) stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find src tests docs examples -name __pycache__ -type d -prune -exec rm -rf {} +

$(BASE): requirements/base.lock requirements/uv.lock pyproject.toml .ci/setup $(MOVED)
	@rm -f $(BASE) $(DEV)
	@.ci/setup base
	@touch $@

$(DEV): requirements/dev.lock $(BASE)
	@rm -f $@
	@.ci/setup dev
	@touch $@
