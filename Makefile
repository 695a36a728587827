# The verbs of quorate. `make help` lists them; docs are in README.md.
#   ENV=path   another env file than .env        ARGS="…"   flags for the script, see --help

SHELL := /bin/sh
.DEFAULT_GOAL := help

ENV ?= .env
ARGS ?=
LAB_ENV = .lab/$(or $(LAB_NAME),lab)/env

# The Node of node_modules/.bin, whatever the system's is; npx would take half a second more for the same.
ZX = PATH="$(CURDIR)/node_modules/.bin:$$PATH" NODE_COMPILE_CACHE="$(CURDIR)/node_modules/.cache/quorate" zx
SETUP = node_modules/.package-lock.json

.PHONY: help setup demo cluster plan verify status doctor drill destroy rotate-fernet unlock lab lab-down test test-long test-faults test-chaos bench pictures lint

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{ printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(SETUP) ## fetches the packages of package-lock.json

$(SETUP): package-lock.json package.json
	@command -v npm >/dev/null || { echo "npm is not installed: install Node.js 20 or later with npm"; exit 5; }
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

cluster: $(SETUP) ## builds the cluster on the nodes of the env file, or finishes it
	@$(ZX) tasks/cluster.mts --env "$(ENV)" $(ARGS)

plan: $(SETUP) ## what `make cluster` would change, with diffs; touches nothing
	@$(ZX) tasks/cluster.mts --env "$(ENV)" --plan $(ARGS)

verify: $(SETUP) ## proves the built cluster
	@$(ZX) tasks/verify.mts --env "$(ENV)" $(ARGS)

status: $(SETUP) ## the cluster on one screen
	@$(ZX) tasks/status.mts --env "$(ENV)" $(ARGS)

doctor: $(SETUP) ## what is wrong, cause first, with the remedy (ARGS=--bundle: an archive for a bug report, without secrets)
	@$(ZX) tasks/doctor.mts --env "$(ENV)" $(ARGS)

destroy: $(SETUP) ## takes the cluster away again and puts back what was there (asks; ARGS=--packages: the packages too)
	@$(ZX) tasks/destroy.mts --env "$(ENV)" $(ARGS)

drill: $(SETUP) ## breaks things on purpose and reports the outage of the API (ARGS="move crash": these alone)
	@$(ZX) tasks/drill.mts --env "$(ENV)" $(ARGS)

rotate-fernet: $(SETUP) ## rotates keystone's fernet keys on all nodes
	@$(ZX) tasks/rotate-fernet.mts --env "$(ENV)" $(ARGS)

unlock: $(SETUP) ## takes away the lock of another run (asks)
	@$(ZX) tasks/unlock.mts --env "$(ENV)" $(ARGS)

lab: ## real nodes on this machine, in network namespaces (root, Debian or Ubuntu; LAB_FLAVOUR=dnf or zypper: nodes with RPMs)
	@test/lab/lab up

lab-down: ## takes them away again
	@test/lab/lab down

demo: $(SETUP) lab ## the whole thing on this machine: lab, cluster, proof
	@$(ZX) tasks/cluster.mts --env $(LAB_ENV) $(ARGS)
	@$(ZX) tasks/verify.mts --env $(LAB_ENV)
	@$(ZX) tasks/status.mts --env $(LAB_ENV)
	@echo
	@echo "Try next:"
	@echo "  make plan ENV=$(LAB_ENV)      nothing is pending; alter a file on a node, and see it told"
	@echo "  make cluster ENV=$(LAB_ENV)   the second run: nothing is changed"
	@echo "  test/lab/lab kill node1           cut the power of a node, then make status ENV=$(LAB_ENV)"
	@echo "  test/lab/lab start node1          and on again"
	@echo "  make drill ENV=$(LAB_ENV)     breaks one thing after the other, and measures the outage of the API"
	@echo "  make lab-down                     takes the lab away"

test: $(SETUP) ## all suites (root on Debian: installs what they need)
	@test/prepare
	@node_modules/.bin/node test/run.mts all $(ARGS)

test-long: $(SETUP) ## the lab suites in their long form (ARGS=links: that one alone)
	@test/prepare
	@node_modules/.bin/node test/run.mts long $(ARGS)

test-faults: $(SETUP) ## the fault matrix: cuts runs off everywhere, half an hour and more (ARGS="03 reboot": some of it)
	@test/prepare
	@node_modules/.bin/node test/faults/faults.mts $(ARGS)

test-chaos: $(SETUP) ## faults drawn by a seed, half an hour (ARGS="--seed 7 --faults 80")
	@test/prepare
	@node_modules/.bin/node test/chaos/chaos.mts $(ARGS)

bench: $(SETUP) ## quorate beside Ansible and plain shell: hours, on an idle machine (ARGS="second 2": some of it)
	@test/prepare ansible-core
	@node_modules/.bin/node test/bench/bench.mts $(ARGS)

pictures: $(SETUP) ## makes the pictures of the documents anew, from real runs on a lab
	@test/prepare
	@node_modules/.bin/node test/pictures/terminal.mts

lint: $(SETUP) ## types, style, shell
	@node_modules/.bin/biome check .
	@node_modules/.bin/tsc --noEmit
	@command -v shellcheck >/dev/null || { echo "shellcheck is not installed: apt-get install shellcheck"; exit 1; }
	@shellcheck -x $$(git ls-files -- test/lab test/bench test/prepare .ci | xargs awk 'FNR == 1 && /^#!.*sh$$/ { print FILENAME }')
