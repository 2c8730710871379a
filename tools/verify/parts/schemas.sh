#!/usr/bin/env bash
# The schemas in test/fixtures/schemas are those of the platforms, and kubeconform finds every object right by them.
#   tools/verify/parts/schemas.sh --write      writes test/fixtures/schemas anew instead
source "$(dirname "$0")/../lib.sh"
need_python
need_definitions
install_tool kubeconform github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
build_own mesh-schema istio.io/api@v1.31.1
schemas=test/fixtures/schemas

say "Making the schemas of $(find $schemas -name '*.json' | wc -l) kinds again."
"$tools/python/bin/python" tools/verify/schemas.py "$out/schemas" "$modules"
mesh-schema > "$out/schemas/meshconfig.json"
if [[ ${1:-} == --write ]]; then
  rm -f $schemas/*.json
  cp "$out"/schemas/*.json $schemas
  exit
fi
diff -rq --exclude=README.md "$out/schemas" $schemas || fail "these are not $schemas; tools/verify/parts/schemas.sh --write"

render_all
kubeconform -strict -summary -schema-location "$out/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json" "$out"/all/*.yaml

# A check that lets everything pass would look the same.
sed 's/^  replicas:/  replicsa:/' "$out/all/kustomize-overlays-standalone.yaml" > "$out/misspelled.yaml"
if kubeconform -strict -schema-location "$out/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json" "$out/misspelled.yaml" > /dev/null; then
  fail 'kubeconform accepts a misspelled member'
fi
say 'A misspelled member is refused.'
