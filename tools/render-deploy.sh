#!/usr/bin/env bash
# Renders the kustomize overlays and the Helm chart, each with every variant, into a directory, and notes of which sources
# they were made. `make render-deploy` writes test/fixtures/kubernetes, which the fast tests read.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1
source tools/verify/renderers.sh

mkdir -p "$out"
for overlay in overlays/{sidecar,sidecar-upstream-mtls,standalone,replicas} monitoring/{sidecar,standalone}; do
  "$kubectl" kustomize "k8s/$overlay" > "$out/kustomize-${overlay//\//-}.yaml"
done
# A helm that is built from source takes itself for one of Kubernetes 1.20.
kubernetes=1.36.3
for values in k8s/helm/envoy-fapi/ci/*.yaml; do
  "$helm" lint --strict --quiet --kube-version $kubernetes k8s/helm/envoy-fapi --values "$values" >&2
  "$helm" template fapi k8s/helm/envoy-fapi --namespace fapi --kube-version $kubernetes --values "$values" \
    > "$out/helm-$(basename "$values")"
done
node tools/manifests.ts sources > "$out/sources.sha256"
