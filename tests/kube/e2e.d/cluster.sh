# shellcheck shell=bash
# What is there before a user comes: the node, the images, namespaces, Redis. Sourced by tests/kube/e2e.
# shellcheck disable=SC2154 # its variables

start_cluster() {
    local archives=()
    case ${IMAGES:-quick} in
    quick) "$here/images" quick ;;
    there) ;;
    *) die "IMAGES is quick or there" ;;
    esac
    say "the node"
    # One that was left has what an earlier call made.
    "$here/node" down
    rm -rf "$volume"
    mkdir -p "$volume"
    quietly "$here/node" up
    for archive in operator runner redis s3 debian; do
        archives+=("$folder/$archive.tar")
    done
    "$here/node" load "${archives[@]}"
    start_alone
}

# restricted NAMESPACE: one where only pods of `restricted` run.
restricted() {
    quietly k create namespace "$1"
    quietly k label namespace "$1" pod-security.kubernetes.io/enforce=restricted
}

redis_in() {
    quietly k apply --namespace "$1" --filename tests/kube/workloads/redis.yaml
    quietly k rollout status --namespace "$1" deployment/redis --timeout=60s
}

# As README.md has it.
install_chart() {
    say "the chart"
    restricted kasho
    restricted shop
    helm install "$release" "$chart" --namespace kasho --create-namespace --wait
    served k
    helm test "$release" --namespace kasho
    redis_in shop
    fill_claim
}

# As docs/guide.md has it, with the example's claim and pod.
fill_claim() {
    say "the claim"
    sed "s|FOLDER|$volume|" tests/kube/workloads/volume.yaml >"$work/volume.yaml"
    quietly k apply --filename "$work/volume.yaml"
    quietly k apply --namespace shop --filename examples/kubernetes/loader.yaml
    quietly k wait --namespace shop --for=condition=Ready pod/dump-loader --timeout=60s
    k cp --namespace shop examples/shop.sql dump-loader:/dump/shop.sql
    # Cut off in the middle of a row.
    head -c 100001 examples/shop.sql >"$work/broken.sql"
    k cp --namespace shop "$work/broken.sql" dump-loader:/dump/broken.sql
    quietly k delete pod --namespace shop dump-loader --grace-period=1
    cmp examples/shop.sql "$volume/shop.sql"
}

# slow NAME RATE: the smallest example under another name and with another set, slowed down.
slow() {
    k patch --local --filename examples/kubernetes/pvc.yaml --type merge --output yaml --patch "
metadata: {name: $1}
spec:
  maxRate: $2
  batchSize: 20
  redis: {key: 'kasho:$1'}" >"$work/$1.yaml"
    quietly k apply --namespace shop --filename "$work/$1.yaml"
}

# under_way NAME: until some rows are durable and others are not.
under_way() {
    local now end=$((SECONDS + 60))
    while :; do
        now=$(look shop "$1") || die "shop/$1: the status lies"
        case $now in
        "Running InProgress 0 "*) ;;
        "Running "*) break ;;
        Succeeded\ * | Failed\ *) die "shop/$1 is ${now%% *} already" ;;
        esac
        [ "$SECONDS" -lt "$end" ] || die "shop/$1 shows no progress: $now"
        sleep 0.3
    done
    k get rboot --namespace shop "$1"
}
