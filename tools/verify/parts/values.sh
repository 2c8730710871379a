#!/usr/bin/env bash
# Helm refuses each of the bad values by the chart's schema and by nothing else, or by a template and what it says.
source "$(dirname "$0")/../lib.sh"
need_renderers
chart=k8s/helm/envoy-fapi
count=0
for values in "$golden"/refused/*.yaml; do
  if said=$("$helm" template fapi $chart -f $chart/ci/mutual-tls.yaml -f "$values" 2>&1 >/dev/null); then
    fail "$values is accepted"
  fi
  grep -q 'specifications of the schema' <<< "$said" || fail "$values is refused for another reason: $said"
  count=$((count + 1))
done
# The first line of each says what the template has to say.
for values in "$golden"/refused-by-templates/*.yaml; do
  said=$("$helm" template fapi $chart -f $chart/ci/mutual-tls.yaml -f "$values" 2>&1 >/dev/null) && fail "$values is accepted"
  grep -qF "$(head -1 "$values" | cut -c3-)" <<< "$said" || fail "$values is refused for another reason: $said"
  count=$((count + 1))
done
if "$helm" template fapi $chart >/dev/null 2>&1; then fail 'the defaults alone are accepted'; fi
say "Helm refuses $count bad values, and the defaults alone."
