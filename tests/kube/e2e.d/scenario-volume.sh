# shellcheck shell=bash
# shellcheck disable=SC2154 # e2e's variables

# The smallest example, as README.md and docs/guide.md have it.
scenario_volume() {
    expect "$work/shop.set" kasho:changes examples/shop.sql
    k apply --namespace shop --filename examples/kubernetes/pvc.yaml
    follow shop shop Succeeded 90
    quietly k wait --namespace shop rboot/shop --for=condition=Ready --timeout=10s
    quietly k wait --namespace shop rboot/shop --for='jsonpath={.status.phase}=Succeeded' --timeout=10s
    k get rboot --namespace shop shop
    k get rboot --namespace shop --output wide
    same "$work/shop.set" kasho:changes -h "$(address shop redis)"
    restricted_pod
    again
    cleans_up_after_itself
}

# What the API server has let in.
restricted_pod() {
    local pod
    pod=pod/$(k get pods --namespace shop --selector bootstrap.kasho.io/replica-bootstrap=shop --output 'jsonpath={.items[0].metadata.name}')
    equal true "$(field shop "$pod" '.spec.containers[0].securityContext.readOnlyRootFilesystem')" "the runner's root is read-only"
    equal 65532 "$(field shop "$pod" '.spec.securityContext.runAsUser')" "the runner's user"
    equal 0 "$(field shop "$pod" '.status.containerStatuses[0].state.terminated.exitCode')" "the runner's exit code"
}

# The guide's last command: another snapshot, another run, from the start.
again() {
    local patch
    patch=$(sed -n "s/^    kubectl patch rboot shop --type merge --patch '\(.*\)'$/\1/p" docs/guide.md)
    quietly k patch rboot shop --namespace shop --type merge --patch "$patch"
    quietly k wait --namespace shop rboot/shop --for='jsonpath={.status.runId}=2' --timeout=30s
    follow shop shop Succeeded 90
    same "$work/shop.set" kasho:changes -h "$(address shop redis)"
}

# What the operator has made goes with the object; what the runner has written does not.
cleans_up_after_itself() {
    quietly k delete --namespace shop --filename examples/kubernetes/pvc.yaml
    # shellcheck disable=SC2317 # called by await
    nothing_left() {
        [ -z "$(k get jobs,pods,serviceaccounts,roles,rolebindings --namespace shop --output name \
            --selector app.kubernetes.io/managed-by=pg-bootstrap-operator)" ]
    }
    await "the end of what belongs to the object" 60 nothing_left
    same "$work/shop.set" kasho:changes -h "$(address shop redis)"
}
