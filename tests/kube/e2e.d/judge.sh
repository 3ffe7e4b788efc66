# shellcheck shell=bash
# What judges: what the program alone writes, and what kstatus makes of an object. Sourced by tests/kube/e2e.
# shellcheck disable=SC2154 # its variables

alone_port=7000

# A Redis that no pod writes to.
start_alone() {
    inside redis-server --port "$alone_port" --bind 127.0.0.1 --save '' --appendonly no --maxmemory-policy noeviction --dir "$work" \
        --daemonize yes --logfile "$work/redis.log" >/dev/null
    # shellcheck disable=SC2317 # called by await
    alone_answers() { [ "$(inside redis-cli -p "$alone_port" PING)" = PONG ]; }
    await "a Redis of its own" 20 alone_answers
}

# expect FILE KEY DUMP OPTION...: what the program alone writes into this set of an empty Redis.
expect() {
    local file=$1 key=$2 dump=$3
    shift 3
    inside redis-cli -p "$alone_port" FLUSHALL >/dev/null
    inside "$folder/programs/pg-bootstrap-sync" --dump-file "$dump" --kv-url "redis://127.0.0.1:$alone_port" --kv-key "$key" \
        --log-format json "$@" 2>"$work/alone.log" || die "the program alone fails: $(cat "$work/alone.log")"
    inside redis-cli -p "$alone_port" ZRANGE "$key" 0 -1 WITHSCORES >"$file"
    [ -s "$file" ] || die "the program alone writes nothing"
}

# address NAMESPACE SERVICE
address() { k get service --namespace "$1" "$2" --output 'jsonpath={.spec.clusterIP}'; }

# same FILE KEY OPTION...: the set holds what the file does, where redis-cli's options lead.
same() {
    local file=$1 key=$2
    shift 2
    inside redis-cli --no-auth-warning "$@" ZRANGE "$key" 0 -1 WITHSCORES >"$work/found"
    cmp "$file" "$work/found" || die "Redis does not hold what the program alone writes"
    say "$key: $(($(wc -l <"$file") / 2)) changes, the same as the program's alone"
}

# look NAMESPACE NAME: "PHASE VERDICT ROWS PERCENT" of one reading of the object. Fails when the verdict does not fit.
look() {
    local verdict
    k get rboot --namespace "$1" "$2" --output json >"$work/object.json"
    verdict=$("$kstatus" <"$work/object.json" | cut -f 1)
    python3 - "$work/object.json" "$verdict" <<'PYTHON'
import json, sys

with open(sys.argv[1]) as file:
    object = json.load(file)
verdict = sys.argv[2]
status = object.get("status", {})
phase = status.get("phase", "-")
progress = status.get("run", {}).get("progress", {})
wanted = {"Succeeded": "Current", "Failed": "Failed"}.get(phase, "InProgress")
if status.get("observedGeneration") != object["metadata"]["generation"]:
    wanted = "InProgress"
conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
if verdict != wanted or (conditions.get("Ready") == "True") != (phase == "Succeeded"):
    sys.exit(f"{phase} with {conditions} is {verdict} for kstatus, not {wanted}")
print(phase, verdict, progress.get("rows", 0), progress.get("percent", 0))
PYTHON
}

# follow NAMESPACE NAME PHASE SECONDS: looks until the phase is this one; each new sight is told.
follow() {
    local namespace=$1 name=$2 phase=$3 end=$((SECONDS + $4)) now='' last=''
    while :; do
        now=$(look "$namespace" "$name") || die "$namespace/$name: the status lies"
        if [ "$now" != "$last" ]; then
            echo "$namespace/$name: $now" >&2
            last=$now
        fi
        case $now in
        "$phase "*) return ;;
        Succeeded\ * | Failed\ *) die "$namespace/$name is ${now%% *}, not $phase" ;;
        esac
        [ "$SECONDS" -lt "$end" ] || die "$namespace/$name is still ${now%% *}"
        sleep 0.3
    done
}

# runner_pods NAMESPACE NAME: their UIDs.
runner_pods() {
    k get pods --namespace "$1" --selector "bootstrap.kasho.io/replica-bootstrap=$2" --output 'jsonpath={.items[*].metadata.uid}'
}

# field NAMESPACE KIND/NAME PATH
field() { k get --namespace "$1" "$2" --output "jsonpath={$3}"; }

# equal WANTED FOUND WHAT
equal() { [ "$1" = "$2" ] || die "$3: $2, not $1"; }
