#!/usr/bin/env bash
# Checks what lies in k8s/ with the tools that platforms use, one part after the other; no cluster is touched.
#   tools/verify-deploy.sh [PART ...]      all parts, or some of them
# The first run builds the tools (Go on PATH, else the one of PyPI); they stay in .cache/tools.
set -euo pipefail
cd "$(dirname "$0")/.."

parts=(render values schemas istio envoy-gateway alerts api-server)
if (($# > 0)); then parts=("$@"); fi

failed=()
for part in "${parts[@]}"; do
  [[ -f tools/verify/parts/$part.sh ]] || { echo "There is no part $part." >&2; exit 2; }
  printf '\n== %s\n' "$part"
  before=$SECONDS
  if bash "tools/verify/parts/$part.sh"; then verdict=passed; else verdict=FAILED; failed+=("$part"); fi
  printf '== %s %s after %d s\n' "$part" "$verdict" $((SECONDS - before))
done

echo
if ((${#failed[@]} > 0)); then
  printf 'verify-deploy: %d of %d parts failed: %s\n' "${#failed[@]}" "${#parts[@]}" "${failed[*]}" >&2
  exit 1
fi
printf 'verify-deploy: all %d parts passed after %d s.\n' "${#parts[@]}" "$SECONDS"
