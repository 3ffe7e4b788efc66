# shellcheck shell=bash
# What the scripts here share. Sourced, never run.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../scripts/lib/common.sh
. "$here/../../scripts/lib/common.sh"

# Where what was built here lies, and where servers keep their state.
kube_cache=${KUBE_CACHE:-$root/.cache/kube}
kube_bin=${KUBE_BIN:-$kube_cache/bin}

# kube NAME: the program of this name: an envtest's, one on PATH, or one that tests/kube/build has made.
kube() {
    local found
    if [ -n "${KUBEBUILDER_ASSETS:-}" ] && [ -x "$KUBEBUILDER_ASSETS/$1" ]; then
        printf '%s\n' "$KUBEBUILDER_ASSETS/$1"
    elif found=$(type -P "$1"); then
        printf '%s\n' "$found"
    elif [ -x "$kube_bin/$1" ]; then
        printf '%s\n' "$kube_bin/$1"
    else
        return 1
    fi
}

# A zombie answers kill -0.
alive() { [ -e "/proc/$1/status" ] && ! grep -q '^State:.Z' "/proc/$1/status"; }

# await WHAT SECONDS COMMAND...: until the command succeeds.
await() {
    local what=$1 end=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || die "$what is not ready; see ${log:-its log}"
        sleep 0.1
    done
}

# served KUBECTL...: until the API server serves our kind. `kubectl wait` alone ends with an error where the definition
# has no conditions yet, which is so for a moment after it was created.
served() {
    await "the definition of our kind" 60 "$@" wait --for=condition=Established --timeout=10s crd/replicabootstraps.bootstrap.kasho.io
}
