.DEFAULT_GOAL := help
.PHONY: help demo test check unit contract e2e fuzz bench bench-operator images cluster-up cluster-down generate requirements format

# What a process has compiled of TensorFlow the next one reads, whatever the machine's own habit is.
unexport PYTHONDONTWRITEBYTECODE

bench_variables = peers models protocols connections seconds rounds start-seconds checkout flags workers out join
upper = $(shell echo '$1' | tr 'a-z-' 'A-Z_')
option = $(if $(filter command,$(firstword $(origin $(call upper,$1)))),--$1='$($(call upper,$1))')

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Train Iris without a cluster, serve it, print three predictions (KEEP=1 goes on serving)
	@hack/demo.sh

test: ## Everything: set-up, checks, unit, contract and end-to-end tests on a real cluster
	@hack/test.sh

check: ## Lint, types, arrows between packages, generated files, unit tests: in seconds
	@hack/setup/venv.sh && hack/check.sh && .venv/bin/python -m pytest -q tests/unit

unit: ## Unit tests
	@hack/setup/venv.sh && .venv/bin/python -m pytest tests/unit

contract: ## Tests of the wire, of the CRD and of the chart, against real servers
	@hack/setup/venv.sh && hack/setup/packages.sh && hack/setup/tfjs.sh && PATH="$$(hack/cluster/bin.sh):$$(hack/storage/bin.sh):$$PATH" .venv/bin/python -m pytest tests/contract

e2e: ## End-to-end tests on the cluster that KUBECONFIG names, or on one that is made
	@hack/setup/venv.sh && hack/setup/packages.sh && hack/setup/tfjs.sh && PATH="$$(hack/cluster/bin.sh):$$(hack/storage/bin.sh):$$PATH" KUBECONFIG="$${KUBECONFIG:-$$(hack/cluster/ready.sh)}" .venv/bin/python -m pytest tests/e2e

fuzz: ## A long run of the tests that send random input: 109,000 inputs, half an hour (EXAMPLES, OPERATION_EXAMPLES: how many each)
	@hack/fuzz.sh

bench: ## Compare with other servers; HELP=1 lists the variables (PEERS=kserve MODELS=iris takes minutes)
	@hack/setup/venv.sh && .venv/bin/python bench/compare.py $(if $(HELP),--help) $(foreach name,$(bench_variables),$(call option,$(name)))

bench-operator: ## Measure the operator with 1,000 TFModels on a real API server: memory, calls, times (MODELS=100 for a quick part)
	@hack/setup/venv.sh && PATH="$$(hack/cluster/bin.sh etcd kube-apiserver kubectl):$$PATH" .venv/bin/python bench/operator_scale --models=$${MODELS:-1000}

images: ## Build the images of operator, runtime, trainer and TF.js export
	@hack/images/build.sh

cluster-up: ## Make a kind cluster that holds the images; prints its KUBECONFIG
	@hack/cluster/ready.sh

cluster-down: ## Remove the cluster
	@hack/cluster/down.sh

generate: ## Write what is made from sources: CRD, chart template, reference pages, examples' data
	@hack/setup/venv.sh && .venv/bin/python hack/generate/main.py

requirements: ## Pin the requirements anew (UPGRADE=1 takes newer versions)
	@hack/setup/venv.sh && hack/setup/requirements.sh $${UPGRADE:+--upgrade}

format: ## Format the code
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format --quiet .
