# shellcheck shell=bash
# shellcheck disable=SC2154 # e2e's variables

# A mesh that injects its proxy as a native sidecar into the pods with a label: an init container that does not end by itself.
start_mesh() {
    local patch
    certificate mesh mesh.invalid
    # The API server asks an address, not a name.
    printf 'subjectAltName=IP:127.0.0.1\n' >"$work/mesh/ext"
    openssl x509 -req -in "$work/mesh/csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 2 \
        -extfile "$work/mesh/ext" -out "$work/mesh/tls.crt" 2>/dev/null
    patch='[{"op": "add", "path": "/spec/initContainers", "value": [{"name": "proxy", "restartPolicy": "Always",
        "image": "docker.io/library/debian:bookworm-slim", "command": ["sh", "-c", "sleep 3600"],
        "securityContext": {"runAsUser": 65532, "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}]'
    cat >"$work/mesh.py" <<'PYTHON'
import base64, http.server, json, ssl, sys

class Mesh(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        patch = base64.b64encode(sys.argv[2].encode()).decode()
        review["response"] = {"uid": review.pop("request")["uid"], "allowed": True, "patchType": "JSONPatch", "patch": patch}
        body = json.dumps(review).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

server = http.server.ThreadingHTTPServer(("127.0.0.1", 8443), Mesh)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(f"{sys.argv[1]}/tls.crt", f"{sys.argv[1]}/tls.key")
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
PYTHON
    # It ends with the node.
    inside setsid python3 "$work/mesh.py" "$work/mesh" "$patch" >"$work/mesh.log" 2>&1 </dev/null &
    # shellcheck disable=SC2317 # called by await
    mesh_answers() { inside curl -s --cacert "$work/ca.crt" https://127.0.0.1:8443/ >/dev/null; }
    await "the mesh" 20 mesh_answers
    quietly k apply --filename - <<YAML
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: mesh}
webhooks:
  - name: mesh.webhook.test
    clientConfig: {url: "https://127.0.0.1:8443/", caBundle: "$(base64 -w 0 "$work/ca.crt")"}
    rules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]
    objectSelector: {matchLabels: {mesh: "yes"}}
    sideEffects: None
    admissionReviewVersions: [v1]
YAML
}

# More volumes, a user that the platform chooses, and the sidecar of a mesh: the run is the same, and the Job ends with it.
scenario_pods() {
    local pod
    expect "$work/pods.set" kasho:pods examples/shop.sql
    start_mesh
    quietly k create configmap --namespace shop authorities --from-literal=authority.crt=none
    k patch --local --filename examples/kubernetes/pvc.yaml --type merge --output yaml --patch "
metadata: {name: pods}
spec:
  redis: {key: 'kasho:pods'}
  runner:
    user: Platform
    podLabels: {mesh: 'yes'}
    volumes:
      - {name: authorities, mountPath: /authorities, configMapRef: {name: authorities}}
      - {name: cache, mountPath: /cache, emptyDir: {inMemory: true, sizeLimit: 8Mi}}" >"$work/pods.yaml"
    quietly k apply --namespace shop --filename "$work/pods.yaml"
    follow shop pods Succeeded 120
    same "$work/pods.set" kasho:pods -h "$(address shop redis)"
    pod=$(k get pods --namespace shop --selector bootstrap.kasho.io/replica-bootstrap=pods --output name)
    equal "proxy /authorities /cache" "$(field shop "$pod" '.spec.initContainers[*].name} {.spec.containers[0].volumeMounts[?(@.name=="extra-authorities")].mountPath} {.spec.containers[0].volumeMounts[?(@.name=="extra-cache")].mountPath')" "the pod"
    equal "" "$(field shop "$pod" .spec.securityContext.runAsUser)" "the user"
    equal Complete "$(field shop job/pods-1 '.status.conditions[?(@.status=="True")].type' | tr ' ' '\n' | grep -x Complete)" "the Job"
    quietly k delete mutatingwebhookconfiguration mesh
}
