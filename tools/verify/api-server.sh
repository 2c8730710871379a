# An API server of Kubernetes 1.36.3 with etcd 3.6.8 on loopback. Sourced after lib.sh, which ends both processes.

start_api_server() {
  build_tool etcd go.etcd.io/etcd/server/v3@v3.6.8 go.etcd.io/etcd/server/v3
  build_tool kube-apiserver k8s.io/kubernetes@v1.36.3 k8s.io/kubernetes/cmd/kube-apiserver
  local cluster=$out/cluster token client peer secure
  mkdir -m 700 "$cluster"
  read -r client peer secure < <(free_ports 3)
  token=$(node -p "crypto.randomBytes(24).toString('hex')")
  echo "$token,admin,admin,system:masters" > "$cluster/tokens.csv"
  node -p "crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' })" \
    > "$cluster/accounts.key"

  say "Starting etcd and kube-apiserver on 127.0.0.1:$secure."
  etcd --unsafe-no-fsync --data-dir="$cluster/etcd" --listen-client-urls="http://127.0.0.1:$client" \
    --advertise-client-urls="http://127.0.0.1:$client" --listen-peer-urls="http://127.0.0.1:$peer" \
    --initial-advertise-peer-urls="http://127.0.0.1:$peer" --initial-cluster="default=http://127.0.0.1:$peer" \
    > "$cluster/etcd.log" 2>&1 &
  started+=($!)
  kube-apiserver --etcd-servers="http://127.0.0.1:$client" --bind-address=127.0.0.1 --advertise-address=127.0.0.1 \
    --secure-port="$secure" --cert-dir="$cluster/certificates" --token-auth-file="$cluster/tokens.csv" \
    --authorization-mode=RBAC --service-cluster-ip-range=10.0.0.0/24 --disable-admission-plugins=ServiceAccount \
    --service-account-key-file="$cluster/accounts.key" --service-account-signing-key-file="$cluster/accounts.key" \
    --service-account-issuer=https://kubernetes.default.svc > "$cluster/api-server.log" 2>&1 &
  started+=($!)

  # Objects without a namespace go where the sidecar lives.
  cat > "$cluster/kubeconfig" <<YAML
apiVersion: v1
kind: Config
current-context: here
contexts: [{ name: here, context: { cluster: here, user: admin, namespace: edge } }]
clusters: [{ name: here, cluster: { server: "https://127.0.0.1:$secure", certificate-authority: "$cluster/certificates/apiserver.crt" } }]
users: [{ name: admin, user: { token: $token } }]
YAML
  wait_for "kube-apiserver ($(tail -n 1 "$cluster/api-server.log"))" kube get --raw /readyz
}

kube() { "$kubectl" --kubeconfig="$out/cluster/kubeconfig" --cache-dir="$out/cluster/cache" "$@"; }

free_ports() { # how many
  node -e "
    const servers = Array.from({ length: $1 }, () => require('node:net').createServer().listen(0, '127.0.0.1'))
    setTimeout(() => {
      console.log(servers.map((server) => server.address().port).join(' '))
      for (const server of servers) server.close()
    }, 100)"
}
