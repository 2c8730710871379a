#!/usr/bin/env bash
# Prometheus reads the alerts, each fires and stays silent when it should, and reads what the running service exposes.
source "$(dirname "$0")/../lib.sh"
build_tool promtool github.com/prometheus/prometheus@v0.309.1 github.com/prometheus/prometheus/cmd/promtool
rules=k8s/helm/envoy-fapi/files/alerts.yaml
say "promtool check rules: $(grep -c 'alert:' $rules) alerts."
promtool check rules $rules | grep .
say "promtool test rules: $(find test/fixtures/alerts -name '*.yaml' | wc -l) files."
promtool test rules test/fixtures/alerts/*.yaml | grep .

say 'promtool check metrics: what the service exposes after the requests of the demo.'
node demo/run.ts --free-ports > "$out/demo" 2>&1 &
started+=($!)
asked() { grep -oE 'http://127\.0\.0\.1:[0-9]+/readyz' "$out/demo"; }
wait_for 'the demo' asked
curl --silent --fail --max-time 10 "$(asked | sed 's/readyz/metrics/')" > "$out/scrape"
# The client library has names of its own that promtool does not like; ours are what is judged.
grep -E '^(# (HELP|TYPE) )?envoy_fapi_' "$out/scrape" > "$out/ours"
promtool check metrics < "$out/ours"
say "$(grep -c '^# TYPE' "$out/ours") metrics of envoy-fapi in $(grep -vc '^#' "$out/ours") series are well named and explained."
