# shellcheck shell=bash
# shellcheck disable=SC2154 # e2e's variables

# backed_up NAME FILE: as Velero restores it, without status and identity.
backed_up() {
    k get rboot --namespace shop "$1" --output json >"$work/there.json"
    python3 - "$work/there.json" >"$2" <<'PYTHON'
import json, sys

with open(sys.argv[1]) as file:
    there = json.load(file)
metadata = {key: there["metadata"][key] for key in ("name", "namespace")}
json.dump({"apiVersion": there["apiVersion"], "kind": there["kind"], "metadata": metadata, "spec": there["spec"]}, sys.stdout)
PYTHON
}

# An object that is deleted and restored does not load its dump again, also if its run began with a deletion.
scenario_restored() {
    local from log
    expect "$work/restored.set" kasho:restored examples/shop.sql
    for from in Checkpoint Start; do
        k patch --local --filename examples/kubernetes/pvc.yaml --type merge --output yaml --patch "
metadata: {name: restored}
spec: {redis: {key: 'kasho:restored'}, run: {id: 'once-${from,,}', from: $from}}" >"$work/restored.yaml"
        quietly k apply --namespace shop --filename "$work/restored.yaml"
        quietly k wait --namespace shop rboot/restored --for="jsonpath={.status.runId}=once-${from,,}" --timeout=30s
        follow shop restored Succeeded 90
        backed_up restored "$work/backup.json"
        quietly k delete rboot restored --namespace shop --wait
        quietly k create --filename "$work/backup.json"
        follow shop restored Succeeded 90
        log=$(k logs --namespace shop "job/restored-once-${from,,}")
        if grep -q 'deleted the entries' <<<"$log"; then
            die "a restored object has deleted what was loaded: $log"
        fi
        same "$work/restored.set" kasho:restored -h "$(address shop redis)"
    done
}
