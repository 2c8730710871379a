#!/usr/bin/env bash
# Writes what Istio's own control plane makes of k8s/istio into a directory, one JSON file for each Envoy. What it writes
# into test/fixtures/istio is run on a real Envoy by the end-to-end tests.
#   tools/verify/istio-config.sh OUTDIR
# Builds the generator when it is not there yet or has changed: five minutes and 2 GB of Go's caches, then seconds.
set -euo pipefail
[[ $# -eq 1 ]] || { echo "usage: $0 OUTDIR" >&2; exit 2; }
mkdir -p "$1"
target=$(cd "$1" && pwd)
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Release tags of Istio are no versions to Go; this is the commit of 27 August 2026, on the way to 1.31.
istio=istio.io/istio@v0.0.0-20260827124520-eed52ebb66ad
ours=tools/verify/istio/generate_test.go
generator=$bin/istio-config
work=$tools/build/istio-config
stamp="$istio $(cksum <"$ours")"

if [[ ! -x $generator || $(cat "$work/stamp" 2>/dev/null) != "$stamp" ]]; then
  need_go
  say "Building the generator ($istio)." >&2
  from=$(module_directory "$istio")
  mkdir -p "$work"
  # Istio is no library: its dependencies fit together only as its own go.mod and go.sum have them.
  { echo 'module istioconfig' && sed 1d "$from/go.mod" && echo "require ${istio/@/ }"; } >"$work/go.mod"
  cat "$from/go.sum" >"$work/go.sum"
  cp "$ours" "$work"
  (cd "$work" && nice -n 10 go test -mod=mod -vet=off -c -ldflags='-s -w' -o "$generator" .)
  printf '%s\n' "$stamp" >"$work/stamp"
fi

if ! REPOSITORY=$root OUTDIR=$target "$generator" -test.run '^TestGenerate$' >"$out/log" 2>&1; then
  grep -E '^ *(--- FAIL|generate_test\.go)|^panic' "$out/log" >&2 || tail -n 20 "$out/log" >&2
  exit 1
fi
node tools/verify/istio/sources.ts >"$target/sources.sha256"
