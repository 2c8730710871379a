#!/usr/bin/env bash
# Translates k8s/envoy-gateway with Envoy Gateway's own generator, writes what it makes of each variant into a directory,
# and fails when it refuses any of our objects.
#   tools/verify/envoy-gateway.sh OUTDIR      test/fixtures/envoy-gateway for what the tests read
# The first run builds egctl 1.9.1 (about five minutes, 2 GB of Go's caches) and kustomize.
[[ $# -eq 1 ]] || { echo "usage: $0 OUTDIR" >&2; exit 2; }
mkdir -p "$1"
target=$(cd "$1" && pwd)
source "$(dirname "$0")/lib.sh"
install_tool egctl github.com/envoyproxy/gateway/cmd/egctl@v1.9.1
install_tool kustomize sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
node tools/envoy-gateway.ts "$target"
