// Package istioconfig asks Istio's own control plane what it would send to Envoy for the manifests below k8s/istio.
// Nothing of a cluster is needed: the discovery server runs in this process, over objects in memory.
package istioconfig

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config/mesh"
)

// One Envoy whose configuration is wanted, and the manifests that Istio has read by then.
type scene struct {
	name  string
	files []string
	proxy func() *model.Proxy
	// Of all listeners of the proxy, the one that clients or other workloads reach.
	listener string
}

var (
	shared  = []string{"k8s/istio/service", "k8s/istio/edge"}
	gateway = append([]string{"k8s/istio/gateway"}, shared...)
	sidecar = append([]string{"k8s/istio/sidecar"}, shared...)
)

var scenes = []scene{
	{"gateway", gateway, ingress, "0.0.0.0_8443"},
	{"gateway-api", gateway, workload("accounts", "accounts", "10.1.0.3"), "virtualInbound"},
	{"gateway-service", gateway, workload("fapi", "envoy-fapi", "10.1.0.2"), "virtualInbound"},
	// A cluster that allows no EnvoyFilter.
	{"gateway-unpatched", append([]string{"-EnvoyFilter"}, gateway...), ingress, "0.0.0.0_8443"},
	// What may not be written: the policy names hosts. The end-to-end test walks past it.
	{"gateway-host-rule", append([]string{"-EnvoyFilter", "tools/verify/istio/host-rule.yaml"}, shared...), ingress, "0.0.0.0_8443"},
	{"sidecar", sidecar, ingress, "0.0.0.0_8443"},
	{"sidecar-api", sidecar, workload("accounts", "accounts", "10.1.0.3"), "virtualInbound"},
	{"sidecar-service", sidecar, workload("fapi", "envoy-fapi", "10.1.0.2"), "virtualInbound"},
}

func TestGenerate(t *testing.T) {
	root, target := os.Getenv("REPOSITORY"), os.Getenv("OUTDIR")
	if root == "" || target == "" {
		t.Fatal("REPOSITORY and OUTDIR have to name directories")
	}
	for _, scene := range scenes {
		t.Run(scene.name, func(t *testing.T) {
			text, err := json.MarshalIndent(generate(t, root, scene), "", " ")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(target, scene.name+".json"), append(text, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// generate returns the listener of the scene, its routes, and the clusters that they or the filters name.
func generate(t *testing.T, root string, scene scene) map[string]any {
	istio, kubernetes := manifests(t, root, scene.files)
	config, err := mesh.ApplyMeshConfigDefaults(read(t, root, "k8s/istio/mesh-config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	server := xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		ConfigString:               istio,
		KubernetesObjectString:     kubernetes,
		MeshConfig:                 config,
		DisableSecretAuthorization: true,
	})
	awaitIdentities(t, server)
	proxy := server.SetupProxy(scene.proxy())

	listeners := chosen(t, server.Listeners(proxy), func(name string) bool { return name == scene.listener })
	if len(listeners) != 1 {
		t.Fatalf("Istio made %d listeners called %s", len(listeners), scene.listener)
	}
	byName(listeners[0].(map[string]any)["filter_chains"].([]any))
	routes := chosen(t, server.Routes(proxy), func(name string) bool { return mentions(listeners, name) })
	clusters := chosen(t, server.Clusters(proxy), func(name string) bool {
		return mentions([]any{listeners, routes}, name)
	})
	return map[string]any{"listeners": listeners, "routes": routes, "clusters": clusters}
}

// A listener, a route configuration or a cluster.
type resource interface {
	proto.Message
	GetName() string
}

// chosen returns those whose names are wanted, in the order of their names.
func chosen[R resource](t *testing.T, resources []R, wanted func(string) bool) []any {
	found := []any{}
	for _, one := range resources {
		if wanted(one.GetName()) {
			found = append(found, withoutTelemetry(plain(t, one)))
		}
	}
	byName(found)
	return found
}

// awaitIdentities returns when Istio knows under which accounts the Services run: it learns of pods in the background,
// and until then it would let an Envoy talk to any identity of the mesh.
func awaitIdentities(t *testing.T, server *xds.FakeDiscoveryServer) {
	for range 100 {
		api := server.PushContext().ServiceAccounts("accounts.accounts.svc.cluster.local", "accounts")
		service := server.PushContext().ServiceAccounts("envoy-fapi.fapi.svc.cluster.local", "fapi")
		if len(api) > 0 && len(service) > 0 {
			return
		}
		server.Discovery.ConfigUpdate(&model.PushRequest{Forced: true, Reason: model.NewReasonStats(model.UnknownTrigger)})
		server.EnsureSynced(t)
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("Istio did not learn of the pods")
}

// manifests reads directories and files; what is Istio's goes one way and Services and Pods the other. An entry
// "-Kind" leaves that kind out.
func manifests(t *testing.T, root string, entries []string) (istio, kubernetes string) {
	files, without := []string{"tools/verify/istio/cluster.yaml"}, map[string]bool{}
	for _, entry := range entries {
		if kind, leave := strings.CutPrefix(entry, "-"); leave {
			without[kind] = true
		} else if strings.HasSuffix(entry, ".yaml") {
			files = append(files, entry)
		} else {
			found, err := filepath.Glob(filepath.Join(root, entry, "*.yaml"))
			if err != nil || len(found) == 0 {
				t.Fatalf("no manifests in %s", entry)
			}
			for _, path := range found {
				files = append(files, strings.TrimPrefix(path, root+"/"))
			}
		}
	}
	for _, file := range files {
		for _, document := range strings.Split(read(t, root, file), "\n---\n") {
			kind := field(document, "kind")
			switch version := field(document, "apiVersion"); {
			case without[kind] || kind == "":
			case strings.Contains(version, ".istio.io/"):
				istio += document + "\n---\n"
			case kind == "Service" || kind == "Pod" || kind == "Namespace" || kind == "EndpointSlice":
				kubernetes += document + "\n---\n"
			}
		}
	}
	return istio, kubernetes
}

func field(document, name string) string {
	found := regexp.MustCompile(`(?m)^` + name + `: *(\S+)`).FindStringSubmatch(document)
	if found == nil {
		return ""
	}
	return found[1]
}

func read(t *testing.T, root, file string) string {
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func ingress() *model.Proxy {
	return envoy(model.Router, "istio-ingress", "istio-ingressgateway", "10.1.0.1", map[string]string{"istio": "ingressgateway"})
}

func workload(namespace, name, address string) func() *model.Proxy {
	return func() *model.Proxy {
		return envoy(model.SidecarProxy, namespace, name, address, map[string]string{"app.kubernetes.io/name": name})
	}
}

func envoy(kind model.NodeType, namespace, account, address string, labels map[string]string) *model.Proxy {
	return &model.Proxy{
		Type:            kind,
		ID:              account + "." + namespace,
		ConfigNamespace: namespace,
		Labels:          labels,
		IPAddresses:     []string{address},
		Metadata: &model.NodeMetadata{
			Namespace:      namespace,
			ServiceAccount: account,
			Labels:         labels,
			ClusterID:      "Kubernetes",
			IstioVersion:   "1.31.0",
		},
	}
}

// withoutTelemetry leaves out what only tells of requests, a fifth of the whole. Access logs stay: they may show tokens.
func withoutTelemetry(value any) any {
	switch value := value.(type) {
	case []any:
		for index, item := range value {
			value[index] = withoutTelemetry(item)
		}
	case map[string]any:
		delete(value, "tracing")
		delete(value, "alt_stat_name")
		for name, member := range value {
			value[name] = withoutTelemetry(member)
		}
	}
	return value
}

// plain turns a message into what encoding/json writes the same way every time; protojson does not.
func plain(t *testing.T, message proto.Message) any {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// byName gives messages an order: Istio walks maps, whose order is another every time.
func byName(messages []any) {
	name := func(message any) string { text, _ := message.(map[string]any)["name"].(string); return text }
	slices.SortStableFunc(messages, func(one, other any) int { return strings.Compare(name(one), name(other)) })
}

func mentions(value any, name string) bool {
	// What came out of JSON goes back into it.
	text, _ := json.Marshal(value)
	return strings.Contains(string(text), strconv.Quote(name))
}
