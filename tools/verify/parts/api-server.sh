#!/usr/bin/env bash
# A real API server takes every object, strictly and under Pod Security `restricted`, and refuses what it should. It runs
# with etcd on loopback, on free ports; both end with this part.
source "$(dirname "$0")/../lib.sh"
source tools/verify/api-server.sh
render_all
need_definitions
start_api_server
say 'Installing the definitions of Istio, Gateway API, Envoy Gateway and prometheus-operator.'
for file in "$modules"/istio/*.yaml "$modules"/gateway-api/*s.yaml "$modules"/envoy-gateway/*.yaml \
  "$modules"/prometheus-operator/monitoring.coreos.com_{podmonitors,prometheusrules,servicemonitors}.yaml; do
  [[ $file == */gateway.networking.k8s.io_vap_* ]] || kube create -f "$file" > /dev/null
done
kube wait --for=condition=Established crd --all --timeout=60s > /dev/null
say "$(kube get crd -o name | wc -l) kinds are defined."

for namespace in edge $(grep -ohE '\bnamespace: [a-z0-9-]+' "$out"/all/*.yaml | cut -d' ' -f2 | sort -u); do
  kube create namespace "$namespace" > /dev/null
  kube label namespace "$namespace" pod-security.kubernetes.io/enforce=restricted > /dev/null
done

count=0
for file in "$out"/all/*.yaml; do
  said=$(kube apply --dry-run=server --validate=strict --warnings-as-errors -f "$file" 2>&1) || fail "$file: $said"
  count=$((count + $(grep -c 'created (server dry run)' <<< "$said")))
done
say "$count objects are accepted (--dry-run=server --validate=strict), without a warning."

# Pod Security only warns about the Deployment of a pod that it will refuse.
node tools/manifests.ts pods "$out"/all/*.yaml > "$out/pods.json"
said=$(kube apply --dry-run=server --validate=strict --warnings-as-errors -f "$out/pods.json" 2>&1) || fail "$said"
say "$(grep -c 'created (server dry run)' <<< "$said") pods of their Deployments are accepted as restricted."
sed 's/"runAsNonRoot":true/"runAsNonRoot":false/g' "$out/pods.json" > "$out/loose.json"
said=$(kube apply --dry-run=server -f "$out/loose.json" 2>&1) && fail 'pods that run as root are accepted'
[[ $(grep -c 'violates PodSecurity' <<< "$said") == $(grep -c '"kind":"Pod"' "$out/loose.json") ]] ||
  fail "not every pod that may run as root is refused: $said"
say 'Each is refused when it may run as root.'

# The first line of each says what the server has to say.
for file in test/fixtures/api-server/*.yaml; do
  said=$(kube apply --dry-run=server --validate=strict -f "$file" 2>&1) && fail "$file is accepted"
  grep -qF "$(head -1 "$file" | cut -c3-)" <<< "$said" || fail "$file is refused for another reason: $said"
done
say "$(find test/fixtures/api-server -name '*.yaml' | wc -l) bad objects are refused, each for its reason."
