# Two commands matter: `make run` and `make test`. Both need only python3 (3.11 or newer) and make.

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
RUNTIME := .venv/.runtime-installed
DEV := .venv/.dev-installed
PEERS := .deploy/peers/.installed
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes

# The suite is split as conftest.py says: in three on two cores, for a third of its time it waits.
PYTEST := $(BIN)/pytest
# The tests start Python a hundred times: what it compiles is kept, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup run test test-newest test-long check proof image aws rehearse machines deliveries bench lock clean
.DELETE_ON_ERROR:

help:  ## Say what each target does
	@sed -n 's/^\([a-z-]*\):.*## /\1 /p' Makefile | while read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done

setup: $(DEV)  ## Create .venv with everything, tools for development included

run: $(RUNTIME) .env  ## Serve on 127.0.0.1:8000 with a demo user (PORT=8001 for another port)
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py make_demo --address http://127.0.0.1:$(PORT)
	@$(BIN)/python manage.py work & work=$$!; $(BIN)/python manage.py deliver & deliver=$$!; \
		trap "kill $$work $$deliver" EXIT INT TERM; \
		$(BIN)/python manage.py runserver 127.0.0.1:$(PORT)

# Both databases are tried even where the first fails, so that one run tells everything.
define run_tests
@failed=0; \
printf '\n== SQLite\n'; env -u DATABASE_URL $(1) || failed=1; \
if [ -n "$$TEST_DATABASE_URL" ]; then \
	printf '\n== PostgreSQL\n'; env DATABASE_URL="$$TEST_DATABASE_URL" $(1) || failed=1; \
fi; exit $$failed
endef

test: $(DEV)  ## Run the tests on SQLite, and on PostgreSQL where TEST_DATABASE_URL names a server
	$(call run_tests,$(PYTEST) -n 3 -m "not long")

test-newest: $(DEV)  ## Run the tests on the newest PostgreSQL, which npm brings (Linux x86-64, Node.js 20)
	@printf '\n== The newest PostgreSQL\n'; $(BIN)/python -m tools.newest_postgres \
		$(PYTEST) -n 3 -m "not long and not any_postgres"

test-long: $(DEV)  ## Run the tests that take minutes, on the same databases
	$(call run_tests,$(PYTEST) -n 2 -m long)

check: $(DEV)  ## Lint, check types, layers, wording, migrations and the settings of production
	@$(BIN)/python -m tools.check

proof: $(DEV)  ## Test proxies, backups, guide.sh and the runner of the AWS guide
	$(call run_tests,$(PYTEST) -n 2 proof)

image: $(DEV)  ## Build the container image and look inside (root, Debian 12)
	@$(BIN)/python -m proof.image

aws: $(DEV)  ## Check what is deployed to AWS, and run the guide's commands against a stand-in
	@$(BIN)/python -m proof.aws

rehearse: image  ## Rehearse a deployment and its releases on this machine (root, Debian 12)
	@$(BIN)/python -m proof.rehearsal

machines: $(DEV)  ## Lose machines one by one under load, for ten minutes (RUN_SECONDS=20 for less)
	@$(BIN)/python -m proof.machines $(if $(RUN_SECONDS),--seconds $(RUN_SECONDS))

deliveries: $(DEV)  ## Kill deliverers and PostgreSQL under load, and count what arrives (ten minutes)
	@$(BIN)/python -m proof.deliveries $(if $(EVENTS),--events $(EVENTS))

bench: $(DEV) $(PEERS)  ## Measure the service, beside what others would pick (PostgreSQL and wrk)
	@$(BIN)/python -m benchmarks $(if $(WRITE),--write $(WRITE))

lock:  ## Take Pipfile's newest allowed versions into Pipfile.lock and requirements*.txt
	@$(PYTHON) tools/lock.py

clean:  ## Remove .venv and the caches; .env, .demo and the database stay
	rm -rf .venv .lockenv .deploy .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -rf staticfiles
	find . -name __pycache__ -prune -exec rm -rf {} +

.env: | $(RUNTIME)
	@$(BIN)/python -m tools.make_env

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("$(PYTHON) is Python " \
		+ sys.version.split()[0] + "; 3.11 or newer is needed. Name one: make PYTHON=python3.12 ...")'
	@echo 'Making .venv (once; a minute at most)'
	@$(PYTHON) -m venv .venv

# Each stamp is as new as the list it was installed from, so a second call costs nothing.
$(RUNTIME): requirements.txt | $(BIN)/python
	@$(PIP) -r requirements.txt
	@touch $@

$(DEV): requirements-dev.txt requirements.txt | $(BIN)/python
	@$(PIP) -r requirements-dev.txt
	@touch $(RUNTIME) $@

# What the service is compared with has an environment of its own.
$(PEERS): benchmarks/peers/requirements.txt | $(BIN)/python
	@$(BIN)/python -m venv .deploy/peers
	@.deploy/peers/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@
