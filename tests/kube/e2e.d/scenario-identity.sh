# shellcheck shell=bash
# shellcheck disable=SC2154 # e2e's variables

# The example with the pod's own identity: there is no AWS here, but everything up to it is.
scenario_identity() {
    local pod
    restricted identity
    quietly k apply --namespace identity --filename examples/kubernetes/s3-workload-identity.yaml
    # Its Secret is not there yet.
    # shellcheck disable=SC2317 # called by await
    says_so() { [ "$(field identity rboot/shop '.status.conditions[?(@.type=="Ready")].reason')" = ConfigMissing ]; }
    await "word of the missing Secret" 60 says_so
    quietly look identity shop
    quietly k create secret generic --namespace identity change-buffer --from-literal=url=redis://redis:6379
    # shellcheck disable=SC2317 # called by await
    runs() { [ -n "$(k get pods --namespace identity --output 'jsonpath={.items[*].status.containerStatuses[*].containerID}')" ]; }
    await "the pod" 120 runs
    pod=$(k get pods --namespace identity --output name)
    equal shop-bootstrap "$(field identity "$pod" .spec.serviceAccountName)" "the pod's account"
    equal shop-bootstrap "$(k get rolebindings --namespace identity --output 'jsonpath={.items[*].subjects[*].name}')" "who has the role"
    equal '' "$(field identity "$pod" '.spec.containers[0].env[?(@.name=="AWS_ACCESS_KEY_ID")].name')" "keys in the pod"
    quietly k delete --namespace identity --filename examples/kubernetes/s3-workload-identity.yaml
}
