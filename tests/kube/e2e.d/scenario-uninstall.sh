# shellcheck shell=bash
# shellcheck disable=SC2154 # e2e's variables

# The release is uninstalled while a run goes on: the run ends by itself, nothing is lost, and the next release takes it up.
scenario_uninstall() {
    local pod
    expect "$work/left.set" kasho:left examples/shop.sql
    slow left 100
    under_way left
    pod=$(runner_pods shop left)
    quietly helm uninstall "$release" --namespace kasho --wait
    quietly k get crd replicabootstraps.bootstrap.kasho.io
    quietly k get rboot --namespace shop left
    equal "$pod" "$(runner_pods shop left)" "the runner's pod"
    quietly k wait --namespace shop job/left-1 --for=condition=Complete --timeout=120s
    same "$work/left.set" kasho:left -h "$(address shop redis)"
    equal Running "$(field shop rboot/left .status.phase)" "the phase that nobody changes"
    equal 100 "$(field shop rboot/left .status.run.progress.percent)" "the runner's own word"
    # Nobody has seen this one, and that is not the same as done.
    k patch --local --filename examples/kubernetes/pvc.yaml --type merge --output yaml --patch '
metadata: {name: unseen}
spec: {redis: {key: "kasho:unseen"}}' >"$work/unseen.yaml"
    quietly k apply --namespace shop --filename "$work/unseen.yaml"
    equal "- InProgress 0 0" "$(look shop unseen)" "an object without an operator"
    quietly helm install "$release" "$chart" --namespace kasho --create-namespace --wait
    follow shop left Succeeded 60
    equal "$pod" "$(runner_pods shop left)" "the runner's pod"
    same "$work/left.set" kasho:left -h "$(address shop redis)"
    follow shop unseen Succeeded 60
}
