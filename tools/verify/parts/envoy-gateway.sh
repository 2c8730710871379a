#!/usr/bin/env bash
# Envoy Gateway translates its manifests without a complaint, into what is committed.
source "$(dirname "$0")/../lib.sh"
install_tool egctl github.com/envoyproxy/gateway/cmd/egctl@v1.9.1
install_tool kustomize sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
say 'egctl x translate, of every variant.'
tools/verify/envoy-gateway.sh "$out/generated"
for file in "$out"/generated/*; do
  diff -r "$file" "test/fixtures/envoy-gateway/$(basename "$file")" || fail 'what Envoy Gateway generates is not test/fixtures/envoy-gateway'
done
say "$(find "$out/generated" -type f | wc -l) files are those in test/fixtures/envoy-gateway."
