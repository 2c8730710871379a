import { type Document, isMap, isSeq, parseDocument } from 'yaml'
import { compileTemplate, covers } from '../path-template.ts'
import type { Answers } from './answers.ts'

/** Where the Secret with the keys is mounted; the variable lets one check the file on another machine. */
const MOUNTED = '/etc/envoy-fapi/pki'
const ELSEWHERE = `\${ENVOY_FAPI_PKI:-${MOUNTED}}`

/**
 * The configuration: the commented template with the answers in it. `platform` is an example of the platform, which
 * says where the service listens and where certificates come from; without one it is loopback and the connection.
 */
export function buildConfiguration(template: string, platform: string | undefined, answers: Answers): string {
  const document = parseDocument(template)
  document.setIn(['publicOrigins', 0], answers.origin)
  document.setIn(['authorizationServers', 0, 'issuer'], answers.issuer)
  if (!answers.dev) document.deleteIn(['authorizationServers', 0, 'keys'])
  if (platform !== undefined) adopt(document, parseDocument(platform))
  if (answers.binding !== 'dpop') trustCertificates(document, platform)
  writeRoutes(document, answers)
  return document.toString({ lineWidth: 0 })
}

/** Adds what the platform says about listening. */
function adopt(document: Document, platform: Document): void {
  if (!isMap(document.contents)) return
  const key = document.createNode('listen')
  Object.assign(key, { spaceBefore: true, commentBefore: ' Where Envoy asks, and how it is known.' })
  document.contents.items.push(document.createPair(key, platform.get('listen', true)))
  for (const file of ['certificate', 'key', 'clientCa']) {
    const path = ['listen', 'tls', file]
    const name = document.getIn(path)
    if (typeof name === 'string') document.setIn(path, name.replace(MOUNTED, ELSEWHERE))
  }
}

function trustCertificates(document: Document, platform: string | undefined): void {
  const source = platform === undefined ? undefined : parseDocument(platform).get('clientCertificateFrom', true)
  const pair = isMap(document.contents)
    ? document.contents.items.find(({ key }) => String(key) === 'clientCertificateFrom')
    : undefined
  if (!pair) return
  pair.value = source ?? document.createNode({ source: 'connection' }, { flow: true })
  Object.assign(pair.key as object, {
    commentBefore: " Where the client's certificate is found. Nothing else is looked at, whatever it holds.",
  })
}

function writeRoutes(document: Document, { path, scopes, binding }: Answers): void {
  const routes = document.get('routes', true)
  if (!isSeq(routes)) return
  document.setIn(['routes', 1, 'path'], path)
  document.setIn(['routes', 1, 'scopes'], document.createNode(scopes, { flow: true }))
  if (binding === 'both') document.deleteIn(['routes', 1, 'senderConstraint'])
  else document.setIn(['routes', 1, 'senderConstraint', 'methods', 0], binding)
  // A route that the open one would take everything from is a mistake, and the configuration would be refused.
  const [open, own] = [compileTemplate('/health'), compileTemplate(path)]
  if (open.ok && own.ok && covers(open.value, own.value)) document.deleteIn(['routes', 0])
}
