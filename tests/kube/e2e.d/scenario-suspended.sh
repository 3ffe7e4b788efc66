# shellcheck shell=bash
# shellcheck disable=SC2154 # e2e's variables

# The suspended example waits, and goes on at the word that its comment has.
scenario_suspended() {
    quietly k delete rboot --namespace shop --all --wait
    inside redis-cli -h "$(address shop redis)" FLUSHALL >/dev/null
    expect "$work/suspended.set" kasho:changes examples/shop.sql
    quietly k apply --namespace shop --filename examples/kubernetes/suspended.yaml
    follow shop shop Suspended 30
    equal '' "$(runner_pods shop shop)" "pods of a suspended run"
    quietly k patch rboot shop --namespace shop --type merge --patch '{"spec": {"suspend": false}}'
    follow shop shop Succeeded 90
    same "$work/suspended.set" kasho:changes -h "$(address shop redis)"
}
