# shellcheck shell=bash
# shellcheck disable=SC2154 # e2e's variables

# says NAME REASON WORDS SECONDS: until Ready has this reason and these words in its message.
says() {
    local end=$((SECONDS + $4)) now=''
    while :; do
        now=$(field shop "rboot/$1" '.status.conditions[?(@.type=="Ready")].reason}: {.status.conditions[?(@.type=="Ready")].message')
        case $now in
        "$2: "*"$3"*) break ;;
        esac
        [ "$SECONDS" -lt "$end" ] || die "shop/$1 is not $2 for $3: $now"
        sleep 0.5
    done
    echo "shop/$1: $now" >&2
    quietly look shop "$1"
}

resume() {
    quietly k patch rboot "$1" --namespace shop --type merge --patch '{"spec": {"suspend": true}}'
    follow shop "$1" Suspended 60
    quietly k patch rboot "$1" --namespace shop --type merge --patch '{"spec": {"suspend": false}}'
}

# What a run waits for is in its status, in the words of the real programs, and it goes on when that is over.
scenario_causes() {
    say "an image that is nowhere"
    expect "$work/image.set" kasho:image examples/shop.sql
    k patch --local --filename examples/kubernetes/pvc.yaml --type merge --output yaml --patch "
metadata: {name: image}
spec: {redis: {key: 'kasho:image'}, runner: {image: 'registry.invalid/nosuch:1'}}" >"$work/image.yaml"
    quietly k apply --namespace shop --filename "$work/image.yaml"
    says image ImagePullFailed registry.invalid/nosuch:1 60
    quietly k patch rboot image --namespace shop --type merge --patch '{"spec": {"runner": null}}'
    resume image
    follow shop image Succeeded 90
    same "$work/image.set" kasho:image -h "$(address shop redis)"

    say "an image without the runner"
    k patch --local --filename "$work/image.yaml" --type merge --output yaml --patch "
metadata: {name: other}
spec: {redis: {key: 'kasho:other'}, runner: {image: 'docker.io/library/debian:bookworm-slim'}}" >"$work/other.yaml"
    quietly k apply --namespace shop --filename "$work/other.yaml"
    says other Retrying "does not start the runner" 60
    quietly k delete rboot other --namespace shop

    say "a store that is away"
    quietly k apply --namespace shop --filename - <<'YAML'
apiVersion: bootstrap.kasho.io/v1alpha1
kind: ReplicaBootstrap
metadata: {name: away}
spec:
  source: {s3: {bucket: dumps, key: shop.sql, endpoint: "http://minio.nowhere:9000", region: eu, forcePathStyle: true}}
  redis: {url: "redis://redis:6379", key: "kasho:away"}
  runner: {env: [{name: AWS_ACCESS_KEY_ID, value: a}, {name: AWS_SECRET_ACCESS_KEY, value: b}]}
YAML
    says away Running "the runner waits: " 120
    quietly k delete rboot away --namespace shop

    say "a node that stops"
    expect "$work/node.set" kasho:node examples/shop.sql
    slow node 30
    under_way node
    inside pkill -STOP -x kubelet
    says node NodeLost "node1" 180
    inside pkill -CONT -x kubelet
    kill -CONT "$(cat "$NODE_DIR/run/kubelet.pid")"
    quietly k wait --for=condition=Ready node --all --timeout=60s
    follow shop node Succeeded 240
    same "$work/node.set" kasho:node -h "$(address shop redis)"
}
