import type { KeyObject } from 'node:crypto'
import { sign } from 'node:crypto'
import type { CrlEvent } from '../../src/io/crl-events.ts'
import { buildCrlReader } from '../../src/io/crl-reader.ts'
import { buildCrls, type CrlOptions } from '../../src/io/crls.ts'
import type { Fetched } from '../../src/io/fetch-outcome.ts'
import type { Certificate } from '../../src/verify/x509/certificate.ts'
import { type Crl, readCrl } from '../../src/verify/x509/crl.ts'
import { tags } from '../../src/verify/x509/der.ts'
import { writeElement } from '../../src/verify/x509/der-writer.ts'
import { stillClock } from './clock.ts'
import { buildBell, buildPatience } from './key-sources.ts'
import { certify, extension, extensions, type Holder, hex, NOW, newKeys, sequence, time } from './ocsp-pki.ts'

/** keyCertSign and cRLSign. */
const signsBoth = extension('0603551d0f', hex('03020106'), true)

const authority = (name: string, usage: readonly Buffer[] = [signsBoth], key = newKeys()): Holder =>
  certify(name, undefined, [extensions.authority, ...usage], { key })

/** An authority, another one, one with the name of the first, and two with the key of the first that say otherwise what it may. */
const keys = newKeys()
export const listIssuer = authority('List CA', [signsBoth], keys)
export const listStranger = authority('Stranger CA')
export const listNamesake = authority('List CA')
export const listForbidden = authority('List CA', [extensions.signsCertificates], keys).certificate
export const listUnsaid = authority('List CA', [], keys).certificate

export const CDP = 'http://crl.example.com/list.crl'

const uri = (value: string): Buffer => writeElement(0x86, Buffer.from(value))
const fullName = (...names: readonly Buffer[]): Buffer => writeElement(0xa0, writeElement(0xa0, ...names))

/** A distribution point in a certificate, with further members as told. */
export const pointsTo = (url: string, ...more: readonly Buffer[]): Buffer =>
  extension('0603551d1f', sequence(sequence(fullName(uri(url)), ...more)))

export const listed = (serial: string, more: readonly Buffer[] = [], by = listIssuer): Certificate =>
  certify('client', by, [extensions.clientAuth, ...more], { serial }).certificate

/** An authority below the first one. */
export const listedAuthority = (serial: string): Certificate =>
  certify('Sub CA', listIssuer, [extensions.authority, signsBoth], { serial }).certificate

export const entryExtensions = {
  reason: (code: number): Buffer => extension('0603551d15', Buffer.of(tags.enumerated, 1, code)),
  invalidityDate: extension('0603551d18', time(NOW - 9000)),
  certificateIssuer: extension('0603551d1d', sequence(writeElement(0xa4, sequence())), true),
  unknown: (critical: boolean): Buffer => extension('06032a0304', hex('0500'), critical),
}

export const listExtensions = {
  number: (value: string): Buffer => extension('0603551d14', writeElement(tags.integer, hex(value))),
  delta: extension('0603551d1b', hex('020101'), true),
  authorityKey: extension('0603551d23', sequence(writeElement(0x80, hex('0102')))),
  unknown: (critical: boolean): Buffer => extension('06032a0304', hex('0500'), critical),
  /** An issuingDistributionPoint of these members. */
  scope: (...members: readonly Buffer[]): Buffer => extension('0603551d1c', sequence(...members), true),
}

const yes = hex('ff')
export const scopes = {
  users: writeElement(0x81, yes),
  authorities: writeElement(0x82, yes),
  someReasons: writeElement(0x83, hex('0640')),
  indirect: writeElement(0x84, yes),
  attributes: writeElement(0x85, yes),
  at: (url: string): Buffer => fullName(uri(url)),
}

export interface CrlContent {
  readonly thisUpdate?: number
  /** null: none. */
  readonly nextUpdate?: number | null
  readonly version?: Buffer
  readonly revoked?: readonly Buffer[]
  readonly extended?: readonly Buffer[]
  readonly by?: Holder
  /** Who signs it instead. */
  readonly key?: KeyObject
}

/** One revoked certificate. */
export const entry = (serial: string, ...extended: readonly Buffer[]): Buffer =>
  sequence(
    writeElement(tags.integer, hex(serial)),
    time(NOW - 5000),
    ...(extended.length > 0 ? [sequence(...extended)] : []),
  )

/** An element of any length. */
function long(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  if (content.length < 0x10000) return writeElement(tag, content)
  const head = Buffer.alloc(6)
  head.writeUInt8(tag, 0)
  head.writeUInt32BE(content.length, 2)
  // Three octets of length while they are enough, as the shortest form has it.
  const octetsOfLength = content.length < 0x1000000 ? 3 : 4
  const size = head.subarray(6 - octetsOfLength)
  return Buffer.concat([Buffer.of(tag, 0x80 + octetsOfLength), size, content])
}

/** A good list of the authority, empty unless told, that differs as told. */
export function writeList(content: CrlContent = {}): Buffer {
  const { thisUpdate = NOW - 3600, nextUpdate = NOW + 3600, version = hex('020101'), by = listIssuer } = content
  const { revoked = [], extended = [listExtensions.number('07')] } = content
  const algorithm = sequence(hex('06082a8648ce3d040302'))
  const signed = long(
    tags.sequence,
    version,
    algorithm,
    by.certificate.subject.der,
    time(thisUpdate),
    ...(nextUpdate === null ? [] : [time(nextUpdate)]),
    ...(revoked.length > 0 ? [long(tags.sequence, ...revoked)] : []),
    ...(extended.length > 0 ? [writeElement(0xa0, sequence(...extended))] : []),
  )
  const signature = sign('sha256', signed, content.key ?? by.key)
  return long(tags.sequence, signed, algorithm, writeElement(tags.bitString, Buffer.of(0), signature))
}

export function listOf(content: CrlContent = {}): Crl {
  const read = readCrl(writeList(content))
  if (!read.ok) throw new Error(read.problem)
  return read.value
}

/** So many entries, the serial numbers being `4e` and four octets of a count. */
export const manyEntries = (count: number): readonly Buffer[] =>
  Array.from({ length: count }, (_, at) => entry(nth(at)))
export const nth = (at: number): string => `4e${at.toString(16).padStart(8, '0')}`

export const crlPem = (der: Buffer): string => {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN X509 CRL-----', ...lines, '-----END X509 CRL-----', ''].join('\n')
}

export const here = (der: Buffer | string): Fetched => ({ ok: true, value: Buffer.from(der) })
export const gone: Fetched = { ok: false, problem: 'lost on the way' }

/** Lists on a clock and timers of our own, with a network that is a function. */
export function holdCrls(
  difference: Partial<CrlOptions> = {},
  supply: (url: string) => Fetched | Promise<Fetched> = () => gone,
) {
  const options = { files: [], urls: [], hosts: [], maxAge: 86_400, wait: 0.15, ...difference }
  const events: CrlEvent[] = []
  const fetched: string[] = []
  const limits: unknown[] = []
  const clock = stillClock()
  const bell = buildBell()
  const patience = buildPatience()
  const now = (): number => NOW + clock.monotonic() - 1000
  let source = supply
  const crls = buildCrls(options, {
    get: (url, limit) => {
      fetched.push(url)
      limits.push(limit)
      return Promise.resolve(source(url))
    },
    wall: now,
    monotonic: clock.monotonic,
    observe: (event) => events.push(event),
    schedule: bell.schedule,
    elapse: patience.wait,
    chance: () => 0.5,
    reader: buildCrlReader(),
  })
  const change = (to: typeof supply): void => {
    source = to
  }
  const judge = async (certificate: Certificate, issuer = listIssuer.certificate): Promise<string> => {
    const word = await crls.judge(certificate, issuer, now())
    return word.kind
  }
  const kinds = (): readonly string[] => events.map(({ kind }) => kind)
  return { crls, judge, change, events, kinds, fetched, limits, bell, patience, pass: clock.pass, now }
}

/** Until so many events were told: files and threads take their time. */
export async function settled(count: number, events: readonly unknown[]): Promise<void> {
  while (events.length < count) await new Promise((resolve) => setImmediate(resolve))
}
