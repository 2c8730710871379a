// Runs Envoy Gateway's own generator on k8s/envoy-gateway and writes what it makes of each variant into a directory.
//   node tools/envoy-gateway.ts DIRECTORY      egctl and kustomize are on PATH; see tools/verify/envoy-gateway.sh
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hashSources, readManifests } from './manifests.ts'
import { createAuthority, issue } from './pki.ts'

/** What is generated: our two variants alone, and with what other teams may attach to the same Gateway. */
export const generated = ['plain', 'patched', 'plain-with-teams', 'patched-with-teams'] as const

/** Everything that has a part in it. */
export const sources: readonly string[] = [
  'k8s/envoy-gateway/**/*.yaml',
  'k8s/overlays/standalone/service.yaml',
  'test/fixtures/envoy-gateway/*.yaml',
]

const root = fileURLToPath(new URL('..', import.meta.url))
const beside = (name: string): readonly unknown[] =>
  readManifests(readFileSync(join(root, 'test/fixtures/envoy-gateway', name), 'utf8'))

interface ServiceObject {
  readonly kind?: string
  readonly spec?: object
}

/** A cluster gives every Service an address; the generator wants to see one. */
const withAddress = (object: unknown, index: number): unknown => {
  const { kind, spec } = object as ServiceObject
  return kind === 'Service' ? { ...(object as object), spec: { ...spec, clusterIP: `10.0.0.${index + 1}` } } : object
}

/** The objects that hold certificates. Made anew for each run: none of it is in what the generator writes. */
function certificates(): readonly unknown[] {
  const base = (kind: string, name: string) => ({ apiVersion: 'v1', kind, metadata: { name, namespace: 'fapi' } })
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const authority = createAuthority('authority')
  const secret = (name: string, dns: string) => {
    const { certificate, key } = issue(authority, { name, dns: [dns] })
    const data = { 'tls.crt': base64(certificate), 'tls.key': base64(key) }
    return { ...base('Secret', name), type: 'kubernetes.io/tls', data }
  }
  const bundle = (name: string) => ({ ...base('ConfigMap', name), data: { 'ca.crt': authority.certificate } })
  return [
    secret('api-bank-example', 'api.bank.example'),
    secret('mtls-bank-example', 'mtls.bank.example'),
    secret('envoy-client', 'envoy.internal'),
    bundle('client-ca'),
    bundle('envoy-fapi-ca'),
  ]
}

interface Dump {
  readonly xds: Readonly<Record<string, { readonly configs: readonly { readonly '@type': string }[] }>>
}

/** Listeners, routes, clusters and endpoints; what every Envoy of Envoy Gateway starts with is not ours. */
function generatedOf(dump: Dump): unknown {
  const [gateway, ...more] = Object.values(dump.xds)
  if (!gateway || more.length > 0) throw new Error('egctl was to translate one Gateway')
  return gateway.configs.filter((config) => !config['@type'].endsWith('.BootstrapConfigDump'))
}

/** Every condition that is not met, wherever it stands. */
function refusals(value: unknown, place = ''): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  const { type, status, message } = value as Readonly<Record<string, unknown>>
  const own = typeof type === 'string' && status === 'False' ? [`${place} ${type}: ${String(message)}`] : []
  return [...own, ...Object.entries(value).flatMap(([key, inner]) => refusals(inner, `${place}/${key}`))]
}

function translate(name: string, directory: string): string {
  const variant = name.replace('-with-teams', '')
  const rendered = execFileSync('kustomize', ['build', join(root, 'k8s/envoy-gateway', variant)], { encoding: 'utf8' })
  const objects = [
    ...readManifests(readFileSync(join(root, 'k8s/envoy-gateway/gateway-class.yaml'), 'utf8')),
    ...readManifests(rendered),
    ...beside('cluster.yaml'),
    ...(name === variant ? [] : beside('teams.yaml')),
    ...certificates(),
  ].map(withAddress)
  const input = join(directory, `${name}.yaml`)
  writeFileSync(input, objects.map((object) => JSON.stringify(object)).join('\n---\n'), { mode: 0o600 })
  const ask = (to: string): unknown => {
    const words = ['x', 'translate', '--from', 'gateway-api', '--to', to, '--type', 'all', '-o', 'json', '-f', input]
    return JSON.parse(execFileSync('egctl', words, { encoding: 'utf8', maxBuffer: 64 << 20 }))
  }
  const refused = refusals(ask('gateway-api'))
  if (refused.length > 0) throw new Error(`${name}: Envoy Gateway refuses\n${refused.join('\n')}`)
  return `${JSON.stringify(generatedOf(ask('xds') as Dump), undefined, 1)}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , target] = process.argv
  if (target === undefined) throw new Error('usage: node tools/envoy-gateway.ts DIRECTORY')
  const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-egctl-'))
  try {
    for (const name of generated) writeFileSync(join(target, `${name}.json`), translate(name, directory))
    writeFileSync(join(target, 'sources.sha256'), `${hashSources(sources)}\n`)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
