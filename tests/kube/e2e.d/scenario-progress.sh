# shellcheck shell=bash
# shellcheck disable=SC2154 # e2e's variables

# Where Prometheus would ask: the runner's pod, and the operator's Service.
measured() {
    local ip
    ip=$(k get pods --namespace shop --selector bootstrap.kasho.io/replica-bootstrap=slow --output 'jsonpath={.items[0].status.podIP}')
    inside curl -sf "http://$ip:9187/metrics" >"$work/metrics"
    grep -q '^pg_bootstrap_rows [1-9]' "$work/metrics" || die "the runner has no metrics: $(cat "$work/metrics")"
    inside curl -sf "http://$(address kasho "$release-metrics"):8080/metrics" >"$work/metrics"
    grep -q '^pg_bootstrap_operator_objects{phase="Running"} 1$' "$work/metrics" ||
        die "the operator's metrics do not have the run: $(cat "$work/metrics")"
}

# A run that is upgraded while it goes on: the status tells how far it is, and the same pod ends it.
scenario_progress() {
    local pod operator
    expect "$work/slow.set" kasho:slow examples/shop.sql
    slow slow 80
    under_way slow
    # Its lines end with the time, not by themselves.
    timeout 3 "$here/node" exec "$kubectl" get rboot --namespace shop slow --watch >"$work/watched" || true
    grep -q '^slow *Running ' "$work/watched" || die "the watch does not show the run: $(cat "$work/watched")"
    measured
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
