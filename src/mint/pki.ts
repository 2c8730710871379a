import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { roleNames } from '../verify/certificate-roles.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { type Certificate, readCertificateDer } from '../verify/x509/certificate.ts'
import { type CertificateContent, type Usage, writeCertificate } from './certificate.ts'
import { pem } from './der.ts'
import { type KeyType, newKey } from './keys.ts'
import { qcStatements } from './qualified.ts'
import { type Authority, type Revocation, writeList } from './revocation.ts'

/** A file of a development PKI, by its path in the directory. Keys are for their owner alone. */
export interface PkiFile {
  readonly path: string
  readonly text: string
  readonly secret: boolean
}

/** Who signs the certificates of a development PKI. */
type IssuerName = 'root' | 'intermediate' | 'stranger' | 'self'

/** What a directory has issued and revoked; its file is what makes a directory one of ours. */
export interface PkiState {
  readonly development: true
  readonly keyType: KeyType
  /** Where lists lie and questions are answered, if anywhere. */
  readonly statusUrl: string | undefined
  readonly issued: readonly { readonly name: string; readonly issuer: IssuerName; readonly serial: string }[]
  readonly revoked: readonly (Revocation & { readonly issuer: IssuerName; readonly by: 'crl' | 'ocsp' | 'both' })[]
  /** Grows with every list. */
  readonly listNumber: number
}

/** What is made anew for each PKI. */
export interface Chance {
  /** Seconds since 1970. */
  readonly now: number
  readonly random: (octets: number) => Buffer
}

/** What a new certificate says. */
export interface Order {
  readonly name: string
  readonly issuer: IssuerName
  readonly usage: Exclude<Usage, 'authority' | 'unstated'>
  readonly organization?: string | undefined
  readonly organizationIdentifier?: string | undefined
  readonly roles?: readonly (typeof roleNames)[number][] | undefined
  readonly dns?: readonly string[] | undefined
  readonly ips?: readonly string[] | undefined
  readonly uris?: readonly string[] | undefined
  /** Seconds before and after now. */
  readonly since?: number
  readonly lasts: number
}

export const STATE_FILE = 'pki.json'
const DAY = 86_400
/** QCP-w and its variant for payment services. */
const QUALIFIED = ['0.4.0.194112.1.4', '0.4.0.19495.3.1']

/** The authorities of a directory that can sign. */
export type Authorities = Readonly<Record<'root' | 'intermediate' | 'stranger', Authority>>

/** Files and state of a whole development PKI. */
export function createPki(
  options: {
    readonly hosts: readonly string[]
    readonly keyType: KeyType
    readonly statusUrl?: string | undefined
    readonly days: number
  },
  chance: Chance,
): { readonly state: PkiState; readonly files: readonly PkiFile[]; readonly authorities: Authorities } {
  const { keyType, statusUrl, hosts } = options
  const lasts = options.days * DAY
  const make = (name: string, pathLength: number, above?: Authority): Authority => {
    const key = newKey(keyType)
    const content = {
      ...({ subject: subjectOf(name), serial: serialFrom(chance.random), usage: 'authority', pathLength } as const),
      ...{ notBefore: chance.now - 30 * DAY, notAfter: chance.now + lasts + 365 * DAY },
      ...statusOf(above ? 'root' : 'self', statusUrl),
      ...(above && { policies: [...QUALIFIED] }),
    }
    const der = writeCertificate(content, key, above && { name: above.certificate.subject.der, key: above.key })
    return { certificate: mustRead(der), key }
  }
  const root = make('Development Root CA', 1)
  const intermediate = make('Development Issuing CA', 0, root)
  const stranger = make('Development CA of somebody else', 0)
  const authorities = { root, intermediate, stranger }
  const ips = hosts.filter((host) => /^[0-9.]+$/.test(host))
  const dns = hosts.filter((host) => !ips.includes(host))
  const orders: readonly Order[] = [
    { name: 'server', issuer: 'intermediate', usage: 'server', dns, ips, lasts },
    { name: 'ocsp', issuer: 'intermediate', usage: 'responder', lasts },
    {
      ...{ name: 'tpp', issuer: 'intermediate', usage: 'client', lasts, roles: ['PSP_AI', 'PSP_PI'] },
      ...{ organization: 'Good Fintech', organizationIdentifier: 'PSDGB-FCA-123456', dns: ['tpp.example'] },
    },
    {
      ...{ name: 'payments-only', issuer: 'intermediate', usage: 'client', lasts, roles: ['PSP_PI'] },
      ...{ organization: 'Payments Fintech', organizationIdentifier: 'PSDGB-FCA-654321' },
    },
    { name: 'plain', issuer: 'intermediate', usage: 'client', lasts },
    { name: 'revoked', issuer: 'intermediate', usage: 'client', lasts },
    { name: 'expired', issuer: 'intermediate', usage: 'client', since: 20 * DAY, lasts: -DAY },
    { name: 'not-yet-valid', issuer: 'intermediate', usage: 'client', since: -lasts, lasts: 2 * lasts },
    { name: 'server-only', issuer: 'intermediate', usage: 'server', lasts },
    { name: 'self-signed', issuer: 'self', usage: 'client', lasts },
    { name: 'stranger', issuer: 'stranger', usage: 'client', lasts },
  ]
  const empty: PkiState = { development: true, keyType, statusUrl, issued: [], revoked: [], listNumber: 0 }
  const made = orders.reduce<{ readonly state: PkiState; readonly files: readonly PkiFile[] }>(
    ({ state, files }, order) => {
      const issued = issueCertificate(state, authorities, order, chance)
      return { state: issued.state, files: [...files, ...issued.files] }
    },
    { state: record(empty, [['intermediate', 'root', intermediate.certificate]]), files: [] },
  )
  const revoked = revoke(made.state, 'revoked', 'both', chance.now)
  const listed = writeLists(revoked.ok ? revoked.value : made.state, authorities, chance.now)
  const files = [
    ...Object.entries(authorities).flatMap(([name, { certificate, key }]) => [
      plain(`${name === 'stranger' ? 'stranger-ca' : name}.pem`, pem('CERTIFICATE', certificate.der)),
      secret(`${name === 'stranger' ? 'stranger-ca' : name}.key`, key),
    ]),
    ...made.files,
    ...listed.files,
  ]
  return { state: listed.state, files: [...files, stateFile(listed.state)], authorities }
}

/** One more certificate. */
export function issueCertificate(
  state: PkiState,
  authorities: Authorities,
  order: Order,
  { now, random }: Chance,
): { readonly state: PkiState; readonly files: readonly PkiFile[] } {
  const { name, issuer, since = 3600, lasts, roles = [] } = order
  const key = newKey(state.keyType)
  const authority = issuer === 'self' ? undefined : authorities[issuer]
  const qualified = roles.length > 0
  const content: CertificateContent = {
    ...{ subject: subjectOf(name, order), serial: serialFrom(random), usage: order.usage },
    ...{
      notBefore: now - since,
      notAfter: now + lasts,
      dns: order.dns ?? [],
      uris: order.uris ?? [],
      ips: order.ips ?? [],
    },
    ...statusOf(issuer, state.statusUrl),
    ...(qualified && { qcStatements: qcStatements(roles, true), policies: QUALIFIED }),
  }
  const der = writeCertificate(
    content,
    key,
    authority && { name: authority.certificate.subject.der, key: authority.key },
  )
  const own = pem('CERTIFICATE', der)
  const above = issuer === 'intermediate' ? pem('CERTIFICATE', authorities.intermediate.certificate.der) : ''
  const folder = order.usage === 'client' ? 'clients/' : name === 'server-only' ? 'clients/' : ''
  return {
    state: record(state, [[name, issuer, mustRead(der)]]),
    files: [
      plain(`${folder}${name}.pem`, own),
      plain(`${folder}${name}-chain.pem`, own + above),
      secret(`${folder}${name}.key`, key),
    ],
  }
}

/** The same state with a certificate revoked from now on; the lists have to be written anew. */
export function revoke(state: PkiState, name: string, by: 'crl' | 'ocsp' | 'both', now: number): Reading<PkiState> {
  const found = state.issued.findLast((one) => one.name === name)
  if (!found) return unreadable(`there is no certificate named ${name}`)
  if (found.issuer === 'self') return unreadable(`${name} is signed by itself, so that nobody can revoke it`)
  const others = state.revoked.filter(({ serial }) => serial !== found.serial)
  const before = state.revoked.find(({ serial }) => serial === found.serial)
  const both = before && before.by !== by ? 'both' : by
  const { serial, issuer } = found
  return read({ ...state, revoked: [...others, { serial, issuer, at: before?.at ?? now, by: both }] })
}

/** The list of each authority, newer than those before. */
export function writeLists(
  state: PkiState,
  authorities: Authorities,
  now: number,
): { readonly state: PkiState; readonly files: readonly PkiFile[] } {
  const number = state.listNumber + 1
  const files = (['root', 'intermediate', 'stranger'] as const).map((name) => {
    const revoked = state.revoked.filter(({ issuer, by }) => issuer === name && by !== 'ocsp')
    return plain(`crl/${name}.crl`, pem('X509 CRL', writeList(authorities[name], revoked, number, now)))
  })
  return { state: { ...state, listNumber: number }, files }
}

export const stateFile = (state: PkiState): PkiFile => plain(STATE_FILE, `${JSON.stringify(state, undefined, 2)}\n`)

const plain = (path: string, text: string): PkiFile => ({ path, text, secret: false })
const secret = (path: string, key: KeyObject): PkiFile => ({
  path,
  text: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
  secret: true,
})

/** An authority from its two files. */
export function readAuthority(certificate: string, key: string): Authority {
  const base64 = certificate.replaceAll(/-----[^-]+-----|\s/g, '')
  return { certificate: mustRead(Buffer.from(base64, 'base64')), key: createPrivateKey(key) }
}

function mustRead(der: Buffer): Certificate {
  const reading = readCertificateDer(der)
  if (!reading.ok) throw new Error(reading.problem)
  return reading.value
}

const record = (
  state: PkiState,
  made: readonly (readonly [name: string, issuer: IssuerName, certificate: Certificate])[],
): PkiState => ({
  ...state,
  issued: [...state.issued, ...made.map(([name, issuer, { serial }]) => ({ name, issuer, serial }))],
})

const subjectOf = (
  name: string,
  { organization = 'envoy-fapi development', organizationIdentifier }: Partial<Order> = {},
): CertificateContent['subject'] => [
  ['C', 'GB'],
  ['O', organization],
  ...(organizationIdentifier === undefined ? [] : [['organizationIdentifier', organizationIdentifier] as const]),
  ['CN', name],
]

/** Positive, 16 octets. */
function serialFrom(random: Chance['random']): Buffer {
  const serial = random(16)
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  return serial
}

const statusOf = (issuer: IssuerName, url: string | undefined) =>
  url === undefined || issuer === 'self' ? {} : { listUrl: `${url}/crl/${issuer}.crl`, responderUrl: `${url}/` }
