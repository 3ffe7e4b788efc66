# shellcheck shell=bash
# shellcheck disable=SC2154 # e2e's variables

# An object with purgeOnDelete takes its runs in Redis with it, in each way of deleting; its earlier runs are listed before.
scenario_purge() {
    local how host
    host=$(address shop redis)
    for how in background foreground orphan; do
        k patch --local --filename examples/kubernetes/pvc.yaml --type merge --output yaml --patch "
metadata: {name: purged}
spec: {purgeOnDelete: true, redis: {key: 'kasho:purged'}}" >"$work/purged.yaml"
        quietly k apply --namespace shop --filename "$work/purged.yaml"
        follow shop purged Succeeded 90
        quietly k patch rboot purged --namespace shop --type merge --patch '{"spec": {"run": {"id": "2", "from": "Start"}}}'
        quietly k wait --namespace shop rboot/purged --for='jsonpath={.status.runId}=2' --timeout=30s
        follow shop purged Succeeded 90
        equal "1 Succeeded" "$(field shop rboot/purged '.status.history[*].id} {.status.history[*].phase')" "the history"
        [ "$(inside redis-cli -h "$host" ZCARD kasho:purged)" -gt 0 ] || die "nothing was loaded"
        quietly k delete rboot purged --namespace shop --cascade="$how" --wait --timeout=120s
        equal 0 "$(inside redis-cli -h "$host" ZCARD kasho:purged)" "entries after a deletion ($how)"
        equal 0 "$(inside redis-cli -h "$host" EXISTS "{kasho:purged}:bootstrap:run:shop.purged")" "checkpoints"
        quietly k delete jobs,serviceaccounts,roles,rolebindings --namespace shop \
            --selector bootstrap.kasho.io/replica-bootstrap=purged --ignore-not-found
    done
}
