"""Writes one strict JSON schema for each kind of object that lies in k8s/, named as kubeconform looks for them.

Usage: schemas.py DIRECTORY MODULES

MODULES holds the unpacked Go modules with the CustomResourceDefinitions, as tools/verify/lib.sh lays them out. The
kinds of Kubernetes itself come from the PyPI package kubernetes-validate. Strict means: a member that a kind does not have
is an error, wherever the kind does not ask to keep what it does not know.
"""
import json
import pathlib
import sys

import kubernetes_validate
import yaml

OWN = [
    'configmap-v1', 'deployment-apps-v1', 'horizontalpodautoscaler-autoscaling-v2', 'networkpolicy-networking-v1',
    'poddisruptionbudget-policy-v1', 'service-v1', 'serviceaccount-v1', 'statefulset-apps-v1',
]
ISTIO = 'istio/customresourcedefinitions.gen.yaml'
GATEWAY_API = 'gateway-api/gateway.networking.k8s.io_{}.yaml'
ENVOY_GATEWAY = 'envoy-gateway/gateway.envoyproxy.io_{}.yaml'
OPERATOR = 'prometheus-operator/monitoring.coreos.com_{}.yaml'
# The file of the definition, the kind, and the version that manifests name.
DEFINED = [
    *((ISTIO, kind, 'v1') for kind in (
        'AuthorizationPolicy', 'DestinationRule', 'Gateway', 'PeerAuthentication', 'RequestAuthentication',
        'ServiceEntry', 'Telemetry', 'VirtualService',
    )),
    (ISTIO, 'EnvoyFilter', 'v1alpha3'),
    (GATEWAY_API.format('backendtlspolicies'), 'BackendTLSPolicy', 'v1'),
    (GATEWAY_API.format('gatewayclasses'), 'GatewayClass', 'v1'),
    (GATEWAY_API.format('gateways'), 'Gateway', 'v1'),
    (GATEWAY_API.format('httproutes'), 'HTTPRoute', 'v1'),
    (GATEWAY_API.format('referencegrants'), 'ReferenceGrant', 'v1'),
    (GATEWAY_API.format('referencegrants'), 'ReferenceGrant', 'v1beta1'),
    (ENVOY_GATEWAY.format('backends'), 'Backend', 'v1alpha1'),
    (ENVOY_GATEWAY.format('backendtrafficpolicies'), 'BackendTrafficPolicy', 'v1alpha1'),
    (ENVOY_GATEWAY.format('clienttrafficpolicies'), 'ClientTrafficPolicy', 'v1alpha1'),
    (ENVOY_GATEWAY.format('envoypatchpolicies'), 'EnvoyPatchPolicy', 'v1alpha1'),
    (ENVOY_GATEWAY.format('envoyproxies'), 'EnvoyProxy', 'v1alpha1'),
    (ENVOY_GATEWAY.format('securitypolicies'), 'SecurityPolicy', 'v1alpha1'),
    (OPERATOR.format('podmonitors'), 'PodMonitor', 'v1'),
    (OPERATOR.format('prometheusrules'), 'PrometheusRule', 'v1'),
    (OPERATOR.format('servicemonitors'), 'ServiceMonitor', 'v1'),
]
OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
# What a schema says about itself, about defaults, or to the API server alone.
SILENT = {'description', 'default', 'example', 'title', 'format', '$schema'}
# These say what strict() may not close, and are dropped there.
KEPT = {'x-kubernetes-preserve-unknown-fields', 'x-kubernetes-int-or-string'}


def bare(node, named=False):
    """The schema without prose, and with references into the file itself. Below `properties`, names mean members."""
    if isinstance(node, list):
        return [bare(one) for one in node]
    if not isinstance(node, dict):
        return node
    if named:
        return {key: bare(one) for key, one in node.items()}
    return {
        key: '#/$defs/' + one.rsplit('/', 1)[1] if key == '$ref' else bare(one, named=key in ('properties', '$defs'))
        for key, one in node.items()
        if key not in SILENT and (not key.startswith('x-kubernetes-') or key in KEPT)
    }


def strict(node):
    """Refuses unknown members, and writes what only the API server understands in the words of JSON Schema."""
    if isinstance(node, list):
        return [strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    node = dict(node)
    keeps = node.pop('x-kubernetes-preserve-unknown-fields', False) is True
    if node.get('type') == 'object' and not keeps:
        node.setdefault('additionalProperties', False)
    if node.pop('x-kubernetes-int-or-string', False) is True:
        node.pop('type', None)
        node['anyOf'] = [{'type': 'integer'}, {'type': 'string'}]
    if node.pop('nullable', False) is True and isinstance(node.get('type'), str):
        node['type'] = [node['type'], 'null']
    # JSON Schema has the regular expressions of ECMAScript, and they have no flags inside.
    if str(node.get('pattern', '')).startswith('^(?i)'):
        del node['pattern']
    return {
        key: {name: strict(member) for name, member in one.items()} if key == 'properties' else strict(one)
        for key, one in node.items()
    }


def references(node):
    """Names of the definitions that a schema refers to."""
    if isinstance(node, list):
        for one in node:
            yield from references(one)
    elif isinstance(node, dict):
        for key, one in node.items():
            if key == '$ref':
                yield one.rsplit('/', 1)[1]
            else:
                yield from references(one)


def closed(schema, definitions):
    """The schema with every definition it needs written into it."""
    needed, waiting = {}, list(references(schema))
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = definitions[name]
            waiting.extend(references(needed[name]))
    return {**schema, '$defs': needed}


def main(target, modules):
    target.mkdir(parents=True, exist_ok=True)
    source = pathlib.Path(kubernetes_validate.__file__).parent / 'kubernetes-json-schema/v1.37.0-local-strict'
    whole = json.loads((source / '_definitions.json').read_text(encoding='utf-8'))
    definitions = bare(whole['$defs'], named=True)

    def write(name, schema, api_version, kind):
        members = {'apiVersion': {'const': api_version}, 'kind': {'const': kind}}
        schema = {
            **schema,
            'properties': {**schema['properties'], **members},
            'required': sorted({'apiVersion', 'kind', 'metadata', *schema.get('required', [])}),
        }
        text = json.dumps(closed(schema, definitions), sort_keys=True, separators=(',', ':'), ensure_ascii=False)
        (target / f'{name}.json').write_text(text + '\n', encoding='utf-8')

    for name in OWN:
        read = json.loads((source / f'{name}.json').read_text(encoding='utf-8'))
        [known] = read['x-kubernetes-group-version-kind']
        group = f"{known['group']}/" if known['group'] else ''
        write(name, bare(read), group + known['version'], known['kind'])

    loaded = {}
    for file, kind, version in DEFINED:
        if file not in loaded:
            with open(modules / file, encoding='utf-8') as stream:
                loaded[file] = [one for one in yaml.load_all(stream, Loader=yaml.CSafeLoader) if one]
        [spec] = [one['spec'] for one in loaded[file] if one['spec']['names']['kind'] == kind]
        [found] = [one for one in spec['versions'] if one['name'] == version]
        schema = strict(bare(found['schema']['openAPIV3Schema']))
        schema['properties']['metadata'] = {'$ref': f'#/$defs/{OBJECT_META}'}
        label = spec['group'].split('.')[0]
        write(f'{kind.lower()}-{label}-{version}', schema, f"{spec['group']}/{version}", kind)


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
