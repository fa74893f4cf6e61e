# Everything around the code. No target needs another one first: each makes what it depends on, once.
# What is made goes to .build, which `make clean` removes.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

BUILD := $(CURDIR)/.build
comma := ,
VENV := $(BUILD)/venv
LINK := $(BUILD)/ansible_collections/dbha/mysql
# What nearly every target needs.
SETUP = $(VENV)/.installed $(LINK)
# Other versions of ansible-core, for the tests.
CORES = $(BUILD)/core-oldest/.installed
# What the playbook for AWX runs with.
AWX = $(BUILD)/ansible_collections/awx
# ansible-rulebook, for the event source and its rulebook.
EDA = $(BUILD)/eda/.installed
STAGE := tests/tools/stage
# What notes the lines of plugins/ that are carried out, and where.
PROBES := $(CURDIR)/tests/probes
HITS := $(BUILD)/coverage

# make test SERVER=mysql-9.7: only what needs that server, and what needs none. make demo SERVER=… shows that one.
# Without it, mariadb-10.5 takes part only in the tests of what is different there; with SERVER=mariadb-10.5 it takes the place of mariadb-10.11.
SERVER ?=
# make test ALL=1: each test with every kind of server. Otherwise a test runs where it may tell something of its own: most with one of each family, what is the same
# with all with one, and failover, switchover, rejoin, statements and privileges with every kind.
ALL ?=
# How many tests, or points of a sweep, run at once: most wait for servers now and then, so four keep two processors busy.
JOBS ?= 4

# The user's own Ansible settings must not matter.
$(foreach name,$(filter ANSIBLE_%,$(.VARIABLES)),$(eval unexport $(name)))
export ANSIBLE_CONFIG := $(CURDIR)/tests/ansible.cfg
export PATH := $(VENV)/bin:$(PATH)
export ANSIBLE_PYTHON_INTERPRETER := $(VENV)/bin/python
export PYTHONPATH := $(CURDIR)/tests
# As on a user's machine, what Python has compiled is kept.
unexport PYTHONDONTWRITEBYTECODE
# What the steps print appears when they do it, also in a log.
export PYTHONUNBUFFERED := 1
export HYPOTHESIS_STORAGE_DIRECTORY := $(BUILD)/cache/hypothesis
# Colours are for terminals only; not all tools see to that themselves.
ifeq ($(MAKE_TERMOUT),)
export NO_COLOR := 1
export ANSIBLE_NOCOLOR := 1
endif

test integration molecule sweep chaos: export DBHA_SANDBOX_DIR := $(or $(DBHA_SANDBOX_DIR),$(shell tests/tools/scratch))

# make test NOTE=1, on an idle machine: write down how long tests with servers take, so that what takes long begins first (tests/integration/seconds.txt).
NOTE ?=

PYTEST := pytest -n $(JOBS) $(if $(SERVER),--server $(SERVER)) $(if $(ALL),--thorough) $(if $(NOTE),--note-seconds)

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo 'None needs another one first. SERVER=… is one of: mariadb-10.11, mariadb-11.8, mysql-9.7, mysql-5.6, mariadb-10.5;'
	@echo 'or another release, mysql-8.4 for example, of a server of your own: DBHA_MYSQLD=…/mysqld, DBHA_MARIADBD=…/mariadbd.'
	@echo 'make test runs each test with the servers that may tell something of their own; make test ALL=1 with all but mariadb-10.5; SERVER=mariadb-10.5 with that.'

.PHONY: demo
demo: $(SETUP) ## Fail over a real cluster, and watch (SERVER=…; default: mariadb-10.11)
	@python -m sandbox.tools.demo --server $(or $(SERVER),mariadb-10.11)

# Asked once here instead of by each test; what it says when it cannot be done is clearer here, too.
.PHONY: servers
servers: $(SETUP) ## Install the servers that the tests need (SERVER=… for one of them)
	@$(STAGE) servers python -m sandbox install $(SERVER)

.PHONY: test
test: servers $(CORES) $(AWX) $(EDA) ## All tests, molecule's too, and which part of plugins/ they reach (SERVER=… for those of one server, ALL=1: each with every kind of server)
	@rm -rf $(HITS) && mkdir -p $(HITS)
	@DBHA_PROBES=$(PROBES) DBHA_HITS=$(HITS) $(STAGE) 'unit and integration tests' $(PYTEST) --reruns 1 -p unsteady tests/unit tests/integration
	@$(STAGE) coverage python $(PROBES)/coverage_report.py $(HITS) $(if $(SERVER),,--all)

.PHONY: unit
unit: $(SETUP) ## The tests that need no server
	@$(STAGE) 'unit tests' $(PYTEST) tests/unit

.PHONY: integration
integration: servers $(CORES) $(AWX) $(EDA) ## The tests against real servers (SERVER=… for one of them, ALL=1: each with every kind)
	@$(STAGE) 'integration tests' $(PYTEST) tests/integration

.PHONY: molecule
molecule: $(SETUP) ## The playbooks against real servers (SERVER=…; default: mariadb-10.11)
	@$(STAGE) molecule tests/tools/molecule $(or $(SERVER),mariadb-10.11)

.PHONY: lint
lint: ruff mypy changelog licences nox ansible-lint docs site galaxy sanity ansible-units ## All that can be said without running it

.PHONY: ruff
ruff: $(SETUP)
	@$(STAGE) ruff ruff check --output-format concise .

.PHONY: mypy
mypy: $(SETUP)
	@$(STAGE) mypy mypy -p ansible_collections.dbha.mysql.plugins -p ansible_collections.dbha.mysql.extensions -p sandbox -p fuzz -m pages -m unsteady -m scheduling -m dealing \
		-p mutants -p chaos -m dbha_probes -m coverage_report

.PHONY: changelog
changelog: $(SETUP)
	@$(STAGE) 'changelog fragments' antsibull-changelog lint

.PHONY: licences
licences: $(SETUP) ## Whether each file says under which licence it is, by itself or by REUSE.toml
	@$(STAGE) licences reuse lint --lines

.PHONY: nox
nox: $(BUILD)/nox/.installed ## Whether antsibull-nox can read what is here for it
	@$(STAGE) 'sessions for nox' sh -c '$(BUILD)/nox/bin/nox --list >/dev/null'

$(BUILD)/nox/.installed: tests/tools/venv
	@tests/tools/venv $(BUILD)/nox nox==2026.10.20 antsibull-nox==1.10.0
	@touch $@

.PHONY: ansible-lint
ansible-lint: $(SETUP) $(AWX)
	@$(STAGE) ansible-lint ansible-lint --profile production --offline

.PHONY: docs
docs: $(SETUP)
	@$(STAGE) documentation tests/tools/docs

.PHONY: site
site: $(SETUP) ## The documentation site, in .build/site/html
	@$(STAGE) 'documentation site' tests/tools/site

.PHONY: galaxy
galaxy: $(SETUP) ## The archive, as Galaxy's own importer reads it
	@$(STAGE) 'import into Galaxy' tests/tools/galaxy

.PHONY: pages
pages: $(SETUP) ## Write anew what docs and roles take from elsewhere: codes, options, names of tests
	@PYTHONPATH=$(BUILD):$(CURDIR)/tests python -m pages

.PHONY: sanity
sanity: $(SETUP) $(CORES) ## ansible-test sanity, with three versions of ansible-core (ALL=1: all of it with each)
	@$(STAGE) 'ansible-test sanity' tests/tools/sanity $(if $(ALL),all)

# Of what make test carries out, this says that ansible-test can import it; with ALL=1 it carries it out as well.
.PHONY: ansible-units
ansible-units: $(SETUP)
	@$(STAGE) 'ansible-test units' tests/tools/ansible-test units $(if $(ALL),,--collect-only)

.PHONY: bench
bench: $(SETUP) ## Time until the new primary takes writes, and where it goes; fails if a target is missed (SERVER=…, RUNS=…)
	@python -m sandbox.tools.bench $(if $(SERVER),--server $(SERVER)) --runs $(or $(RUNS),5)

.PHONY: bench-salvage
bench-salvage: $(SETUP) ## Time and memory that it takes to fetch from a dead primary with 2 GB of binary logs (SERVER=…)
	@python -m sandbox.tools.salvaging $(if $(SERVER),--server $(SERVER))

.PHONY: bench-fleet
bench-fleet: $(SETUP) ## The primaries of fifty clusters die at once (SERVER=…, CLUSTERS=…, FORKS=1,5,25,50; fifty take 6 GB)
	@python -m sandbox.tools.fleet $(if $(SERVER),--server $(SERVER)) --clusters $(or $(CLUSTERS),50) --forks $(or $(FORKS),1$(comma)5$(comma)25$(comma)50)

.PHONY: bench-events
bench-events: $(SETUP) $(EDA) ## Time from the death of a primary, which ansible-rulebook notices, to the first write (SERVER=…, RUNS=…)
	@python -m sandbox.tools.events --server $(or $(SERVER),mariadb-10.11) --runs $(or $(RUNS),10)

.PHONY: sweep
sweep: $(SETUP) ## Interrupt a failover and a switchover everywhere, and run them again (SERVER=…, RESUME=1, ALL=1; hours)
	@python -m sandbox.tools.sweep --jobs $(JOBS) $(if $(SERVER),--server $(SERVER)) $(if $(RESUME),--resume) $(if $(ALL),--all)

# Without network namespaces (as root only) hosts are paused where they would be cut off.
.PHONY: chaos
chaos: $(SETUP) ## Random failovers and switchovers to which random things happen, and what is lost (SERVER=…, ROUNDS=…, SEED=… and FIRST=… to repeat)
	@$(STAGE) chaos python -m chaos $(if $(SERVER),--server $(SERVER)) --rounds $(or $(ROUNDS),20) $(if $(SEED),--seed $(SEED)) $(if $(FIRST),--first $(FIRST))

.PHONY: mutants
mutants: $(SETUP) ## Change the pure part of the core at random, and count what the unit tests do not notice (COUNT=…, SEED=…; seven minutes of a processor)
	@$(STAGE) mutants python -m mutants --count $(or $(COUNT),200) --seed $(or $(SEED),1)

.PHONY: fuzz
fuzz: $(SETUP) ## What comes from servers and files, changed at random (SECONDS=…, SEED=…, ONLY=… and CASE=… for one case again)
	@$(STAGE) fuzz env PYTHONPATH=$(BUILD):$(CURDIR)/tests python -m ansible_collections.dbha.mysql.tests.fuzz --seconds $(or $(SECONDS),120) \
		$(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY)) $(if $(CASE),--case $(CASE))

.PHONY: build
build: $(SETUP) ## The tarball for ansible-galaxy collection install, in .build
	@ansible-galaxy collection build --force --output-path $(BUILD) .

.PHONY: release
release: $(SETUP) ## Set the version and write the release notes from the fragments (VERSION=1.0.0); commits nothing
	@tests/tools/release $(VERSION)

.PHONY: venv
venv: $(VENV)/.installed ## Install the tools into .build/venv (PYTHON=… names the Python to use)

$(VENV)/.installed: requirements.txt requirements-dev.txt tests/unit/requirements.txt tests/tools/venv tests/probes/dbha_probes.pth
	@tests/tools/venv $(VENV) -r requirements-dev.txt
	@cp tests/probes/dbha_probes.pth $(VENV)/lib/python3.*/site-packages
	@touch $@

.PHONY: cores
cores: $(CORES) ## Install the oldest ansible-core, and the newest if a Python for it is there, into .build/core-…

$(CORES): tests/tools/cores tests/tools/venv
	@tests/tools/cores $(BUILD)
	@touch $@

.PHONY: eda
eda: $(EDA) ## Install ansible-rulebook, and Java if there is none, into .build/eda

$(EDA): tests/tools/eda tests/tools/venv
	@$(STAGE) ansible-rulebook tests/tools/eda $(BUILD)/eda
	@cp tests/probes/dbha_probes.pth $(BUILD)/eda/lib/python3.*/site-packages
	@touch $@

$(AWX): tests/tools/awx-collection | $(VENV)/.installed
	@$(STAGE) 'collection awx.awx' tests/tools/awx-collection $(VENV)/bin/python $(BUILD)
	@touch $@

.PHONY: collection
collection: $(LINK) ## Link this checkout into .build/ansible_collections

$(LINK):
	@mkdir -p $(@D)
	@ln -sfn ../../.. $@
	@echo "make collection: $@ -> $(CURDIR)"

.PHONY: clean
clean: ## Remove everything that make created
	rm -rf $(BUILD)
