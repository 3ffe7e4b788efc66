# shellcheck shell=bash
# Functions that the scripts share. This file is sourced, never run.

# shellcheck disable=SC2034 # used by the scripts that source this
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '== %s\n' "$*" >&2; }

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# step WHAT COMMAND...: runs it and says how long it took, to the file STEP_TIMES too where there is one.
step() {
    local what=$1 began=$SECONDS took
    shift
    "$@" || die "$what failed: $*"
    took=$((SECONDS - began))
    say "$what: ok ($took s)"
    [ -z "${STEP_TIMES:-}" ] || printf '%6d s  %s\n' "$took" "$what" >>"$STEP_TIMES"
}

have() { command -v "$1" >/dev/null 2>&1; }

# The bin folder of the newest PostgreSQL server here; Debian keeps it off PATH.
postgres_bin() {
    local candidates candidate
    if [ -n "${PG_BINDIR:-}" ]; then
        candidates=$PG_BINDIR
    else
        candidates=$(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort --version-sort --reverse)
        candidates="$candidates"$'\n'"$(dirname "$(command -v initdb || echo /nonexistent/initdb)")"
    fi
    while IFS= read -r candidate; do
        if [ -x "$candidate/initdb" ] && [ -x "$candidate/postgres" ]; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done <<<"$candidates"
    return 1
}
