#!/usr/bin/env bash
# kustomize and Helm make of k8s/ what is committed, with every variant; the chart passes helm lint.
source "$(dirname "$0")/../lib.sh"
need_renderers
export KUBECTL=$kubectl HELM=$helm
say 'Rendering 6 overlays with kustomize and, with every variant of values, the chart; helm lint --strict.'
tools/render-deploy.sh "$out"
node tools/manifests.ts same "$out" "$golden" || fail "what was rendered is not $golden"
cmp "$out/sources.sha256" "$golden/sources.sha256" || fail "$golden was made of other sources"
say "$(find "$out" -name '*.yaml' | wc -l) files are those in $golden."
