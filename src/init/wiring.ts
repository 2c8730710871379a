import {
  type Document,
  isMap,
  isNode,
  isSeq,
  type Node,
  parseAllDocuments,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml'
import type { Answers } from './answers.ts'

/** The names that stand in the examples. */
const HOST = 'api.bank.example'
const SECOND = 'mtls.bank.example'
const SERVICE = 'accounts'

/**
 * An example of the package with the answers in the place of its names, comments kept. The examples serve a second name
 * for clients with certificates; one name does as well, so what belongs to the second alone is left out.
 */
export function fillExample(example: string, answers: Answers): string {
  const documents = parseAllDocuments(example) as readonly Document.Parsed[]
  return documents
    .filter((document) => document.getIn(['metadata', 'name']) !== 'mtls')
    .map((document) => {
      leaveOutSecond(document)
      visit(document, {
        Scalar(key, node, path) {
          const parent = path.at(-1)
          const name = key === 'value' && parent && 'key' in parent ? String(parent.key) : ''
          if (key !== 'key') node.value = replace(name, node.value, answers)
          spellComments(node, answers)
        },
        Collection: (_, node) => spellComments(node, answers),
      })
      spellComments(document, answers)
      return spell(document)
    })
    .join('')
}

/** Removes every list item that names the second host and not the first. */
function leaveOutSecond(document: Document): void {
  visit(document, {
    Seq(_, list) {
      list.items = list.items.filter((item) => {
        const texts = textsIn(item as Node)
        return !texts.some((text) => text.includes(SECOND)) || texts.some((text) => text.includes(HOST))
      })
    },
  })
}

/** Every text in a node. What an alias stands for belongs elsewhere. */
function textsIn(node: Node): readonly string[] {
  const texts: string[] = []
  visit(node, {
    Scalar: (_, { value }) => {
      texts.push(String(value))
    },
  })
  return texts
}

/** A value under a key of an example → what stands there for the user. */
function replace(key: string, value: unknown, { host, port, binding, target, upstream }: Answers): unknown {
  if (binding === 'mtls') {
    const strict = required.get(`${key}: ${String(value)}`)
    if (strict !== undefined) return strict
  }
  const [service = '', namespace = service] = upstream.host.split('.')
  const cluster = target === 'istio' || target === 'envoy-gateway'
  if (cluster && (key === 'number' || key === 'port') && value === 8080) return upstream.port
  if (typeof value !== 'string') return value
  if (cluster && value === SERVICE) return key === 'namespace' ? namespace : service
  return value
    .replace(`${SERVICE}/${HOST}`, `${namespace}/${HOST}`)
    .replace(`${SERVICE}.${SERVICE}.svc`, () => `${service}.${namespace}.svc`)
    .replace(`${HOST}:443`, `${HOST}:${port}`)
    .replace(HOST, host)
}

/** Where a certificate may be left out, and how each platform demands one. */
const required: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['require_client_certificate: false', true],
  ['mode: OPTIONAL_MUTUAL', 'MUTUAL'],
  ['mode: VerifyIfGiven', 'RequireAndVerify'],
])

/** The comments of an example speak of its names, and of the second one. */
function spellComments(node: { commentBefore?: string | null; comment?: string | null }, answers: Answers): void {
  for (const place of ['commentBefore', 'comment'] as const) {
    const text = node[place]?.replace(` and ${SECOND}`, '').replaceAll(HOST, answers.host)
    if (text !== undefined) node[place] = outdated(text, answers) ? null : text
  }
}

const outdated = (comment: string, { target, binding }: Answers): boolean =>
  /\bmtls takes\b|Two public names/.test(comment) ||
  (/may be left out/.test(comment) && (binding === 'mtls' || (target === 'envoy' && binding === 'dpop')))

/** The bootstrap with the answers in it. Beside the service it asks on loopback, in plain text: nobody is in between. */
export function fillBootstrap(example: string, answers: Answers): string {
  const document = parseDocument(fillExample(example, answers))
  const { target } = answers
  for (const cluster of clustersOf(document)) {
    const name = cluster.get('name')
    if (name === 'upstream') connectUpstream(cluster, answers)
    if (target === 'envoy' && name === 'envoy_fapi') cluster.delete('transport_socket')
  }
  if (target === 'envoy') settleBesideService(document, answers)
  return spell(document)
}

function clustersOf(document: Document): readonly YAMLMap[] {
  const list = document.getIn(['static_resources', 'clusters'], true)
  return isSeq(list) ? list.items.filter((item) => isMap(item)) : []
}

function connectUpstream(cluster: YAMLMap, { upstream }: Answers): void {
  const address = ['load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint', 'address', 'socket_address']
  cluster.setIn([...address, 'address'], upstream.host)
  cluster.setIn([...address, 'port_value'], upstream.port)
  if (!/^[0-9.]+$/.test(upstream.host)) cluster.set('type', 'STRICT_DNS')
}

/** Files lie beside the bootstrap, and without certificate-bound tokens no certificate is asked for. */
function settleBesideService(document: Document, { origin, binding, dev }: Answers): void {
  const listener = ['static_resources', 'listeners', 0]
  const chain = [...listener, 'filter_chains', 0, 'transport_socket', 'typed_config']
  if (dev) document.setIn([...listener, 'address', 'socket_address', 'address'], '127.0.0.1')
  if (binding === 'dpop') document.deleteIn([...chain, 'common_tls_context', 'validation_context'])
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === 'string') node.value = node.value.replace('/etc/envoy-fapi/pki/', '')
    },
  })
  // The head of the example describes the files of an Envoy in a pod.
  const head = isMap(document.contents) ? document.contents.items[0]?.key : undefined
  for (const node of [document.contents, head]) if (isNode(node)) node.commentBefore = null
  document.commentBefore = [
    ` Envoy in front of ${origin}. It asks envoy-fapi, on loopback, about every request.`,
    ' Tested with Envoy 1.40.0. Beside this file stand:',
    '   server.pem, server.key   what clients see',
    ...(binding === 'dpop' ? [] : ['   client-ca.pem            who may issue client certificates']),
  ].join('\n')
}

const spell = (document: Document): string => document.toString({ lineWidth: 0 })
