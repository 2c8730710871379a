import type { Config, RouteConfig } from './config.ts'
import type { Locate } from './config-files.ts'
import type { PolicyEntry } from './config-policies.ts'
import { type CertificateClientOptions, clientRuleOf } from './policies/certificate-client.ts'
import { type ClientCertificateOptions, softOf } from './policies/client-certificate-options.ts'
import type { Problem } from './problems.ts'
import { compileClientRule } from './verify/certificate-client.ts'
import { isThumbprintText } from './verify/certificate-list.ts'
import { compileMatcher } from './verify/certificate-match.ts'

type Path = Problem['path']
/** About an option of the policy. */
interface Said {
  readonly key: Path
  readonly message: string
}

type Revocation = ClientCertificateOptions['revocation']

/** What is wrong with the certificates a route asks for. */
export const checkClientCertificates = (route: RouteConfig, config: Config): readonly Problem[] =>
  route.policies.flatMap((entry) => {
    // Both were parsed by the very schemas these types come from.
    if (entry.name === 'clientCertificate')
      return checkPolicy(entry.at, entry.options as ClientCertificateOptions, config)
    if (entry.name === 'certificateClient') return checkClient(entry.at, entry.options as CertificateClientOptions)
    return []
  })

function checkPolicy(
  at: Path,
  options: ClientCertificateOptions,
  { clientCertificateFrom }: Config,
): readonly Problem[] {
  const { ca, intermediates, pinned, revocation, allow, deny } = options
  const problems: Problem[] = []
  const say = ({ key, message }: Said): void => void problems.push({ path: [...at, ...key], message })
  if (clientCertificateFrom.source === 'none')
    say({ key: [], message: 'this needs a client certificate, and clientCertificateFrom.source is none' })
  if (clientCertificateFrom.xfcc?.acceptHashOnly)
    say({
      key: [],
      message: 'this needs the certificate itself, and clientCertificateFrom.xfcc.acceptHashOnly takes its hash alone',
    })
  if (ca.length === 0 && pinned.length === 0)
    say({
      key: [],
      message:
        'there is nobody to trust: set ca to the authorities of the clients, or pinned to thumbprints of certificates',
    })
  if (ca.length === 0 && intermediates.length > 0)
    say({ key: ['intermediates'], message: 'they lead to no authority without ca' })
  for (const [index, text] of pinned.entries())
    if (!isThumbprintText(text)) say({ key: ['pinned', index], message: 'expected a SHA-256 in base64url or hex' })
  const lists = compileMatcher({ allow, deny })
  if (!lists.ok) problems.push(placeList(at, lists.problem))
  return [...problems, ...checkRevocation([...at, 'revocation'], revocation, ca.length > 0)]
}

/** The problem begins with the entry it is about: `allow.dns[2] is …`. */
function placeList(at: Path, problem: string): Problem {
  const [, side = 'allow', kind, index] = /^(allow|deny)(?:\.([a-z]+)\[([0-9]+)\])?/.exec(problem) ?? []
  return { path: [...at, side, ...(kind === undefined ? [] : [kind, Number(index)])], message: problem }
}

function checkRevocation(at: Path, revocation: Revocation, trusting: boolean): readonly Problem[] {
  const { crl, ocsp, files, urls, hosts, responder, order } = revocation
  const problems: Problem[] = []
  const say = ({ key, message }: Said): void => void problems.push({ path: [...at, ...key], message })
  if (!trusting && (crl !== 'off' || ocsp !== 'off'))
    say({
      key: [],
      message:
        'without ca there is no authority that could say anything: a pinned certificate is revoked by taking it away',
    })
  if (crl !== 'off' && files.length + urls.length + hosts.length === 0)
    say({
      key: ['crl'],
      message:
        'there is no list to look at: set files or urls, or hosts from which lists may be fetched that certificates name',
    })
  if (ocsp !== 'off' && responder === undefined && hosts.length === 0)
    say({
      key: ['ocsp'],
      message: 'there is nobody to ask: set responder, or hosts of the responders that certificates name',
    })
  for (const key of ['files', 'urls'] as const)
    if (crl === 'off' && revocation[key].length > 0)
      say({ key: [key], message: 'nobody looks at them as long as crl is off' })
  if (ocsp === 'off' && responder !== undefined)
    say({ key: ['responder'], message: 'nobody asks it as long as ocsp is off' })
  if (crl === 'off' && ocsp === 'off' && hosts.length > 0)
    say({ key: ['hosts'], message: 'nobody asks there as long as crl and ocsp are off' })
  for (const kind of ['crl', 'ocsp'] as const)
    if (revocation[kind] !== 'off' && !order.includes(kind))
      say({ key: ['order'], message: `${kind} is never asked unless it is listed here` })
  for (const [index, url] of urls.entries()) if (!isPlace(url)) say({ key: ['urls', index], message: placeForm(url) })
  if (responder !== undefined && !isPlace(responder)) say({ key: ['responder'], message: placeForm(responder) })
  for (const [index, host] of hosts.entries())
    if (!isHost(host))
      say({
        key: ['hosts', index],
        message: `expected a host, or host:port, in lower case, found ${JSON.stringify(host)}`,
      })
  return problems
}

/** What is fetched there is signed, so plain http will do (RFC 5280 section 8). */
const isPlace = (url: string): boolean => /^https?:\/\/[^\s#@]+$/.test(url) && URL.canParse(url)
const placeForm = (url: string): string =>
  `expected an http or https URL without user and fragment, found ${JSON.stringify(url)}`

/** Spelled as a URL spells it, the usual port left out, or it would never match. */
const isHost = (host: string): boolean =>
  ['http', 'https'].some(
    (scheme) => URL.canParse(`${scheme}://${host}/`) && new URL(`${scheme}://${host}/`).host === host,
  )

function checkClient(at: Path, options: CertificateClientOptions): readonly Problem[] {
  const rule = clientRuleOf(options)
  if (!rule) return [{ path: at, message: 'set either attribute, or clients with the subject of each' }]
  const compiled = compileClientRule(rule)
  const key = rule.clients === undefined ? 'attribute' : 'clients'
  return compiled.ok ? [] : [{ path: [...at, key], message: compiled.problem }]
}

/** What operators should know about the certificates of clients. */
export const clientCertificateNotes = ({ routes, clientCertificateFrom }: Config): readonly string[] =>
  routes.flatMap(({ name, policies }) =>
    policies.flatMap((entry) =>
      entry.name === 'clientCertificate' ? notesOf(name, entry, clientCertificateFrom) : [],
    ),
  )

function notesOf(route: string, { options }: PolicyEntry, from: Config['clientCertificateFrom']): readonly string[] {
  // Parsed by the very schema this type comes from.
  const { revocation, ca, intermediates } = options as ClientCertificateOptions
  const soft = softOf(revocation)
  return [
    ...(soft ? [`route ${route}: ${soft} is soft, so a revoked certificate passes while nothing can be learned`] : []),
    ...(ca.length > 0 && revocation.crl === 'off' && revocation.ocsp === 'off'
      ? [`route ${route}: nobody is asked whether client certificates were revoked`]
      : []),
    // Whoever lists authorities below ca knows that a path may need them, and a pinned certificate needs none.
    ...(ca.length > 0 && intermediates.length === 0 ? [`route ${route}: ${companyNote(from)}`] : []),
  ]
}

/** What becomes of the certificates that clients send along with their own. */
function companyNote({ source, xfcc }: Config['clientCertificateFrom']): string {
  if (source === 'client-cert')
    return 'intermediates that clients send are known when the proxy writes Client-Cert-Chain'
  if (source !== 'xfcc')
    return `Envoy hands on no intermediates that clients send (source: ${source}): a certificate that ca did not issue itself needs them in intermediates, or source: xfcc with chain: true`
  return xfcc?.writtenBy === 'previousHop'
    ? 'intermediates that clients send are known when the proxy has set_current_client_cert_details with chain: true'
    : 'intermediates that clients send are known when Envoy has set_current_client_cert_details: { cert: true, chain: true }'
}

/** The same policy with the files it names located. Lists are only looked for: they come and go while the service runs. */
export function locateClientCertificate(entry: PolicyEntry, locate: Locate, locateUnread: Locate): PolicyEntry {
  if (entry.name !== 'clientCertificate') return entry
  // Parsed by the very schema this type comes from.
  const options = entry.options as ClientCertificateOptions
  const all = (key: 'ca' | 'intermediates') =>
    options[key].map((file, index) => locate([...entry.at, key, index], file))
  const { revocation } = options
  const files = revocation.files.map((file, index) => locateUnread([...entry.at, 'revocation', 'files', index], file))
  const located: ClientCertificateOptions = {
    ...options,
    ca: all('ca'),
    intermediates: all('intermediates'),
    revocation: { ...revocation, files },
  }
  return { ...entry, options: located }
}
