# Everything around the code. No target needs another one first: each makes what it depends on, once.
# What is made goes to .build, which `make clean` removes.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

BUILD := $(CURDIR)/.build
VENV := $(BUILD)/venv
LINK := $(BUILD)/ansible_collections/dbha/mysql

# The user's own Ansible settings must not matter.
$(foreach name,$(filter ANSIBLE_%,$(.VARIABLES)),$(eval unexport $(name)))
export ANSIBLE_CONFIG := $(CURDIR)/tests/ansible.cfg
export PATH := $(VENV)/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/tests

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv
venv: $(VENV)/.installed ## Install the tools into .build/venv (PYTHON=… names the Python to use)

$(VENV)/.installed: requirements.txt requirements-dev.txt tests/unit/requirements.txt tests/tools/venv
	@tests/tools/venv $(VENV) -r requirements-dev.txt
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
