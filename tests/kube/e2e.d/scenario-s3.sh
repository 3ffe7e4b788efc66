# shellcheck shell=bash
# shellcheck disable=SC2154 # e2e's variables

# certificate NAME HOST...: by an authority of this run's own, in the folder of this name.
certificate() {
    local name=$1 names
    shift
    mkdir -p "$work/$name"
    if [ ! -e "$work/ca.crt" ]; then
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=tests-ca \
            -addext keyUsage=critical,keyCertSign -keyout "$work/ca.key" -out "$work/ca.crt" 2>/dev/null
    fi
    names=$(printf ',DNS:%s' "$@")
    printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "${names#,}" >"$work/$name/ext"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
        -keyout "$work/$name/tls.key" -out "$work/$name/csr" 2>/dev/null
    openssl x509 -req -in "$work/$name/csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 2 \
        -extfile "$work/$name/ext" -out "$work/$name/tls.crt" 2>/dev/null
    cp "$work/ca.crt" "$work/$name/"
}

# tls_secret NAMESPACE NAME FOLDER
tls_secret() {
    quietly k create secret generic --namespace "$1" "$2" --from-file="$work/$3/tls.crt" --from-file="$work/$3/tls.key" \
        --from-file="$work/$3/ca.crt"
}

# The example with credentials as it is: an object store and a Redis with the names, certificates and credentials that it has.
scenario_s3() {
    zstd --quiet --force examples/shop.sql -o "$work/shop.sql.zst"
    expect "$work/s3.set" kasho:changes "$work/shop.sql.zst" --snapshot-lsn 16/B374D848

    restricted storage
    certificate minio minio.storage
    tls_secret storage minio-tls minio
    quietly k create configmap --namespace storage object --from-file="$work/shop.sql.zst"
    quietly k apply --namespace storage --filename tests/kube/workloads/s3.yaml

    restricted orders
    certificate redis redis
    tls_secret orders redis-tls redis
    for name in storage-ca redis-ca; do
        quietly k create configmap --namespace orders "$name" --from-file="$work/ca.crt"
    done
    redis_in orders
    quietly k patch deployment redis --namespace orders --patch-file tests/kube/workloads/redis-tls.yaml
    quietly k rollout status --namespace orders deployment/redis --timeout=60s
    quietly k wait --namespace storage --for=condition=Ready pod/minio --timeout=60s

    quietly k apply --namespace orders --filename examples/kubernetes/s3-credentials.yaml
    follow orders shop Succeeded 90
    quietly k wait --namespace orders rboot/shop --for=condition=Ready --timeout=10s
    k get rboot --namespace orders
    same "$work/s3.set" kasho:changes -h "$(address orders redis)" --tls --cacert "$work/ca.crt" --user kasho --pass change-me
    no_secret_is_told
}

# Where somebody without a right to Secrets may look.
no_secret_is_told() {
    local its="bootstrap.kasho.io/replica-bootstrap=shop"
    {
        k get rboot,jobs,events --namespace orders --output yaml
        k get pods --namespace orders --selector "$its" --output yaml
        k logs --namespace orders --selector "$its" --tail -1
        k logs --namespace kasho deployment/"$release"
    } >"$work/told"
    if grep -n change-me "$work/told" >&2; then
        die "a secret is told"
    fi
}
