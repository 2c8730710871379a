#!/usr/bin/env bash
# Istio validates its manifests, and its own control plane makes of them what is committed.
source "$(dirname "$0")/../lib.sh"
install_tool istioctl istio.io/istio/istioctl/cmd/istioctl@v0.0.0-20260827124520-eed52ebb66ad
render_all
neat() { sed "s|$out/all/||; /^ *$/d; s/^/    /"; }
for file in "$out"/all/istio-*.yaml; do
  say "istioctl validate and analyze: $(basename "$file" .yaml)"
  istioctl validate -f "$file" 2>&1 | neat
  istioctl analyze --use-kube=false --meshConfigFile k8s/istio/mesh-config.yaml --failure-threshold Warning "$file" 2>&1 |
    neat
done

# What the schemas cannot say: rules of a CUSTOM policy know no principal of a request.
cat > "$out/custom.yaml" <<'YAML'
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: bad, namespace: fapi }
spec:
  action: CUSTOM
  provider: { name: envoy-fapi }
  rules: [{ from: [{ source: { requestPrincipals: ['*'] } }] }]
YAML
if istioctl validate -f "$out/custom.yaml" > /dev/null 2>&1; then fail 'istioctl accepts a CUSTOM rule on principals'; fi
say 'istioctl refuses a CUSTOM rule that Istio cannot keep.'

say "Istio's own generator of configuration."
tools/verify/istio-config.sh "$out/generated"
diff -r "$out/generated" test/fixtures/istio || fail 'what Istio generates is not test/fixtures/istio'
say "$(find "$out/generated" -type f | wc -l) files are those in test/fixtures/istio."
