# shellcheck shell=bash
# shellcheck disable=SC2154 # e2e's variables

# A run that is upgraded while it goes on: the status tells how far it is, and the same pod ends it.
scenario_progress() {
    local pod operator
    expect "$work/slow.set" kasho:slow examples/shop.sql
    slow slow 150
    under_way slow
    pod=$(runner_pods shop slow)
    operator=$(k get pods --namespace kasho --output 'jsonpath={.items[*].metadata.uid}')
    quietly helm upgrade "$release" "$chart" --namespace kasho --set podAnnotations.upgraded=yes --wait
    [ "$(k get pods --namespace kasho --output 'jsonpath={.items[*].metadata.uid}')" != "$operator" ] ||
        die "the upgrade has not replaced the operator"
    case $(look shop slow) in
    Running\ *) ;;
    *) die "the run has ended before the upgrade did: $(look shop slow)" ;;
    esac
    equal "$pod" "$(runner_pods shop slow)" "the runner's pod after the upgrade"
    follow shop slow Succeeded 120
    equal "$pod" "$(runner_pods shop slow)" "the runner's pod at the end"
    equal 1 "$(field shop rboot/slow .status.attempts)" "pods"
    same "$work/slow.set" kasho:slow -h "$(address shop redis)"
}
