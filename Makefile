# The verbs of quorate. `make` lists them by the group that they stand in here; docs are in README.md.
#   ENV=path   another env file than .env        ARGS="…"   flags for the script, see --help

SHELL := /bin/sh
.DEFAULT_GOAL := help

ENV ?= .env
ARGS ?=
LAB_ENV = .lab/$(or $(LAB_NAME),lab)/env

# The Node of node_modules/.bin, whatever the system's is; npx would take half a second more for the same.
ZX = PATH="$(CURDIR)/node_modules/.bin:$$PATH" NODE_COMPILE_CACHE="$(CURDIR)/node_modules/.cache/quorate" zx
SETUP = node_modules/.package-lock.json

.PHONY: help setup demo cluster plan verify status report doctor drill destroy rotate-fernet unlock lab lab-down test test-long test-faults test-chaos bench pictures lint release

help:
	@[ -e "$(ENV)" ] || { echo "No $(ENV) here yet: cp env.example .env, edit it, then make plan. Or make demo,"; \
	echo "which tries it all on this machine (as root, on Debian or Ubuntu)."; }
	@[ ! -e "$(ENV)" ] || echo "For the nodes of $(ENV): make plan shows what make cluster would change."
	@awk -F ':.*## ' '/^## /{ printf "\n%s\n", substr($$0, 4) } \
	/^[a-z-]+:.*## /{ printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo; echo 'ENV=path: another env file; ARGS="…": flags (ARGS=--help lists them).'

## The cluster

cluster: $(SETUP) ## builds the cluster on the nodes, or finishes it
	@$(ZX) tasks/cluster.mts --env "$(ENV)" $(ARGS)

destroy: $(SETUP) ## takes it away again and puts back what was there (asks)
	@$(ZX) tasks/destroy.mts --env "$(ENV)" $(ARGS)

drill: $(SETUP) ## breaks things on purpose, measures the outage of the API
	@$(ZX) tasks/drill.mts --env "$(ENV)" $(ARGS)

rotate-fernet: $(SETUP) ## rotates keystone's fernet keys on all nodes
	@$(ZX) tasks/rotate-fernet.mts --env "$(ENV)" $(ARGS)

unlock: $(SETUP) ## takes away the lock of another run (asks)
	@$(ZX) tasks/unlock.mts --env "$(ENV)" $(ARGS)

## Looking at it (changes nothing)

plan: $(SETUP) ## what `make cluster` would change, with diffs
	@$(ZX) tasks/cluster.mts --env "$(ENV)" --plan $(ARGS)

verify: $(SETUP) ## proves the built cluster
	@$(ZX) tasks/verify.mts --env "$(ENV)" $(ARGS)

status: $(SETUP) ## the cluster on one screen
	@$(ZX) tasks/status.mts --env "$(ENV)" $(ARGS)

report: $(SETUP) ## one HTML file to look at and to attach (ARGS=--open)
	@$(ZX) tasks/report.mts --env "$(ENV)" $(ARGS)

doctor: $(SETUP) ## what is wrong, the cause first, with its remedy
	@$(ZX) tasks/doctor.mts --env "$(ENV)" $(ARGS)

## Trying it on this machine

demo: $(SETUP) lab ## all of it on this machine: lab, cluster, proof (as root)
	@# As a server: a node that is back before anybody has missed it is no drill.
	@[ "$(LAB_BMC)" != yes ] || test/lab/lab firmware 8
	@$(ZX) tasks/cluster.mts --env $(LAB_ENV) $(ARGS)
	@$(ZX) tasks/verify.mts --env $(LAB_ENV)
	@$(ZX) tasks/status.mts --env $(LAB_ENV)
	@echo
	@echo "Try next:"
	@echo "  make plan ENV=$(LAB_ENV)      nothing is pending; alter a file on a node, and see it told"
	@echo "  make cluster ENV=$(LAB_ENV)   the second run: nothing is changed"
	@echo "  make status ENV=$(LAB_ENV) ARGS=--watch   the screen, drawn anew, and in another terminal:"
	@echo "  test/lab/lab kill node1           cuts the power of a node"
	@echo "  make doctor ENV=$(LAB_ENV)    what is wrong now, and what to do"
	@echo "  test/lab/lab start node1          and on again"
	@echo "  make drill ENV=$(LAB_ENV)     breaks one thing after the other, and measures the outage of the API"
	@echo "  make report ENV=$(LAB_ENV)    all of that on one page, for a browser"
	@echo "  make lab-down                     takes the lab away"

lab: ## real nodes on this machine, in network namespaces
	@test/lab/lab up

lab-down: ## takes them away again
	@test/lab/lab down

## Contributing

setup: $(SETUP) ## fetches the packages of package-lock.json

$(SETUP): package-lock.json package.json
	@command -v npm >/dev/null || { echo "npm is not installed: install Node.js 20 or later with npm"; exit 5; }
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

pictures: $(SETUP) ## the pictures of the documents, from real runs on a lab
	@test/prepare
	@node_modules/.bin/node test/pictures/terminal.mts
	@node_modules/.bin/node test/pictures/report.mts

lint: $(SETUP) ## types, style, shell
	@node_modules/.bin/biome check .
	@node_modules/.bin/tsc --noEmit
	@node_modules/.bin/tsc --noEmit -p lib/report/page
	@command -v shellcheck >/dev/null || { echo "shellcheck is not installed: apt-get install shellcheck"; exit 1; }
	@shellcheck -x $$(git ls-files -- test/lab test/bench test/prepare .ci | xargs awk 'FNR == 1 && /^#!.*sh$$/ { print FILENAME }')

test: $(SETUP) ## all suites (root on Debian: installs what they need)
	@test/prepare
	@node_modules/.bin/node test/run.mts all $(ARGS)

test-long: $(SETUP) ## the lab suites in their long form (ARGS=links: that one)
	@test/prepare
	@node_modules/.bin/node test/run.mts long $(ARGS)

test-faults: $(SETUP) ## cuts runs off everywhere, half an hour and more
	@test/prepare
	@node_modules/.bin/node test/faults/faults.mts $(ARGS)

test-chaos: $(SETUP) ## faults drawn by a seed (ARGS="--seed 7 --faults 80")
	@test/prepare
	@node_modules/.bin/node test/chaos/chaos.mts $(ARGS)

bench: $(SETUP) ## beside Ansible and plain shell: hours, on an idle machine
	@test/prepare ansible-core
	@node_modules/.bin/node test/bench/bench.mts $(ARGS)

release: $(SETUP) ## a release of main (VERSION=1.2.3; ARGS=--plan: only looks)
	@.ci/release "$(VERSION)" $(ARGS)
