# shellcheck shell=bash
# shellcheck disable=SC2154 # e2e's variables

# A dump that is cut off fails for good, at once; a new run of a whole one mends it.
scenario_failure() {
    quietly k apply --namespace shop --filename - <<'YAML'
apiVersion: bootstrap.kasho.io/v1alpha1
kind: ReplicaBootstrap
metadata: {name: broken}
spec:
  source: {persistentVolumeClaim: {claimName: dumps, path: broken.sql}}
  redis: {url: "redis://redis:6379", key: "kasho:broken"}
YAML
    follow shop broken Failed 90
    quietly k wait --namespace shop rboot/broken --for=condition=Stalled --timeout=10s
    equal DumpBroken "$(field shop rboot/broken '.status.conditions[?(@.type=="Stalled")].reason')" "the reason"
    equal 3 "$(field shop rboot/broken .status.lastError.exitCode)" "the exit code"
    equal 1 "$(field shop rboot/broken .status.attempts)" "pods"
    k get rboot --namespace shop broken
    expect "$work/broken.set" kasho:broken examples/shop.sql
    quietly k patch rboot broken --namespace shop --type merge --patch \
        '{"spec": {"source": {"persistentVolumeClaim": {"path": "shop.sql"}}, "run": {"id": "2", "from": "Start"}}}'
    # What it says of the first run is of an older generation.
    quietly k wait --namespace shop rboot/broken --for='jsonpath={.status.runId}=2' --timeout=30s
    follow shop broken Succeeded 90
    same "$work/broken.set" kasho:broken -h "$(address shop redis)"
}
