# What one can do here. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
ARCH := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x64)
NODE_DIR := $(CURDIR)/node_modules/node-linux-$(ARCH)/bin
export PATH := $(NODE_DIR):$(CURDIR)/node_modules/.bin:$(PATH)
ARGS ?=
NEED_REDIS := command -v redis-server >/dev/null || { echo "Installing redis-server (Debian package): tests run replicas that share used proofs in it."; apt-get update -qq && apt-get install -y -qq redis-server; }
NEED_OPENSSL := command -v openssl >/dev/null || { echo "Installing openssl (Debian package): its verdicts on certificates are compared with ours."; apt-get update -qq && apt-get install -y -qq openssl; }

.PHONY: help demo envoy test check lint e2e e2e-keycloak bench mutants fuzz package sbom render-deploy verify-deploy clean

help: ## list what one can do
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 22

node_modules/.installed: package-lock.json package.json .npmrc
	@echo >&2 "Installing the packages of package-lock.json with npm ci (Node 24 and all tools, about 420 MB on disk, under a minute)."
	@npm ci --loglevel=error --no-progress >&2 || { echo >&2 "That failed; trying once more."; npm ci --loglevel=error --no-progress >&2; }
	@touch $@

demo: node_modules/.installed ## run the main job on a real Envoy; ARGS=--once ends after the table
	@node demo/run.ts $(ARGS)

test: node_modules/.installed ## all tests: unit, conformance, property, fault, end to end on a real Envoy
	@mkdir -p .cache
	@command -v curl >/dev/null || { echo "Installing curl (Debian package): a test runs the command lines that are printed."; apt-get update -qq && apt-get install -y -qq curl; }
	@$(NEED_REDIS)
	@$(NEED_OPENSSL)
	@node tools/envoy.ts
	@FUZZ_RUNS=$${FUZZ_RUNS:-100000} vitest run --reporter=default --reporter=json --outputFile.json=.cache/tests.json $(ARGS)

envoy: node_modules/.installed ## print where Envoy 1.40.0 is; fetched when there is none
	@node tools/envoy.ts

lint: node_modules/.installed ## types, formatting, lint, dead code, generated files, what the package exports
	@tsc
	@biome ci --error-on-warnings .
	@knip
	@node tools/generated.ts --check
	@npm run --silent build
	@publint run --strict --pack npm

check: lint ## lint and the fast tests
	@$(NEED_REDIS)
	@$(NEED_OPENSSL)
	@vitest run --project fast $(ARGS)

e2e: node_modules/.installed ## only the tests on a real Envoy
	@$(NEED_REDIS)
	@$(NEED_OPENSSL)
	@node tools/envoy.ts
	@vitest run --project e2e $(ARGS)

e2e-keycloak: node_modules/.installed ## tokens of a real Keycloak on a real Envoy; fetches 177 MB once, needs Java 17
	@for each in java:openjdk-17-jre-headless unzip:unzip mvn:maven; do \
	  command -v $${each%%:*} >/dev/null || { echo "Installing $${each##*:} (Debian package): Keycloak runs on Java and comes as an archive."; apt-get update -qq && apt-get install -y -qq $${each##*:}; }; \
	done
	@node tools/envoy.ts
	@node tools/keycloak.ts
	@vitest run --config test/keycloak/vitest.config.ts $(ARGS)

bench: node_modules/.installed ## CPU time per decision and its ratio to the floor, memory per entry
	@node --expose-gc bench/run.ts $(ARGS)

mutants: node_modules/.installed ## break the guards listed in test/mutants.json one by one; each must be caught
	@$(NEED_REDIS)
	@$(NEED_OPENSSL)
	@node tools/mutants.ts $(ARGS)

fuzz: node_modules/.installed ## 100,000 random and mutated tokens, proofs, headers and requests
	@FUZZ_RUNS=100000 vitest run --project fast test/fuzz $(ARGS)

# npm would run no script at all here (.npmrc); the only one it runs for this is our own prepack, which compiles.
package: node_modules/.installed ## compile and pack the npm package into dist/
	@mkdir -p dist
	@npm pack --ignore-scripts=false --silent --pack-destination dist

sbom: ## list what runs in production as CycloneDX JSON in dist/
	@mkdir -p dist
	@npm sbom --package-lock-only --omit=dev --sbom-format=cyclonedx --sbom-type=application > dist/envoy-fapi.cdx.json
	@echo dist/envoy-fapi.cdx.json

render-deploy: node_modules/.installed ## render k8s/ with kustomize and Helm into test/fixtures/kubernetes
	@tools/render-deploy.sh test/fixtures/kubernetes

verify-deploy: node_modules/.installed ## check k8s/ with the platforms' own tools; half an hour and 13 GB at first, then two minutes
	@node tools/envoy.ts
	@tools/verify-deploy.sh $(ARGS)

clean: ## remove what was installed and cached here
	rm -rf node_modules .cache coverage dist
