import { createPublicKey, sign } from 'node:crypto'
import { typeOf } from '../verify/x509/attribute-types.ts'
import { readCertificateDer } from '../verify/x509/certificate.ts'
import { writeElement } from '../verify/x509/der-writer.ts'
import { nameText } from '../verify/x509/name-text.ts'
import type { CertificateNames } from './cases-schema.ts'
import { type BuiltInKey, sha256 } from './keys.ts'

/** A certificate that a built-in client shows. */
export interface BuiltInCertificate {
  readonly der: Buffer
  readonly pem: string
  /** base64url SHA-256: `x5t#S256`. */
  readonly thumbprint: string
  /** What Envoy calls whoever shows it: its first URI name, else its first DNS name, else its subject. */
  readonly principal: string
}

type Content = Pick<CertificateNames, 'uris' | 'dns'> &
  Partial<Pick<CertificateNames, 'subject' | 'roles' | 'qwac' | 'eku' | 'policies'>> & { readonly name: string }

/** Who certifies the built-in clients. */
export interface BuiltInAuthority {
  readonly key: BuiltInKey
  readonly certificate: BuiltInCertificate
}

/**
 * The certificate of a client, by an authority or by itself (RFC 5280, RFC 8410). The same content and keys make the same
 * bytes. `now`: seconds since the epoch, in the middle of the two days it is valid.
 */
export function buildCertificate(
  content: Content,
  key: BuiltInKey,
  now: number,
  authority?: BuiltInAuthority,
): BuiltInCertificate {
  const { name, uris, dns, subject = {}, eku = 'clientAuth', policies = [] } = content
  const purpose = purposes[eku]
  const alternative = [
    ...uris.map((uri) => writeElement(0x86, Buffer.from(uri))),
    ...dns.map((one) => writeElement(0x82, Buffer.from(one))),
  ]
  const qualified = qcStatements(content)
  const issued = issue({
    subject: nameDer([...Object.entries(subject), ['CN', name]]),
    issuer: authority && nameDer([['CN', AUTHORITY]]),
    key,
    signer: authority?.key ?? key,
    // Serial numbers tell the certificates of an authority apart.
    serial: authority
      ? Buffer.from(
          `01${sha256(Buffer.from(name))
            .replaceAll(/[^0-9]/g, '')
            .padEnd(16, '0')
            .slice(0, 16)}`,
          'hex',
        )
      : Buffer.of(1),
    days: [now - DAY, now + DAY],
    extensions: [
      ...(purpose ? [extension(EXTENDED_KEY_USAGE, sequence(purpose))] : []),
      ...(alternative.length > 0 ? [extension(SUBJECT_ALTERNATIVE_NAME, sequence(...alternative))] : []),
      ...(policies.length > 0
        ? [extension(CERTIFICATE_POLICIES, sequence(...policies.map((one) => sequence(oid(one)))))]
        : []),
      ...(qualified ? [extension(QC_STATEMENTS, qualified)] : []),
    ],
  })
  const read = readCertificateDer(issued.der)
  const spelled = read.ok ? nameText(read.value.subject) : `CN=${name}`
  return { ...issued, principal: uris[0] ?? dns[0] ?? spelled }
}

const AUTHORITY = 'Authority of the built-in clients'

/** The authority that certifies the built-in clients, valid for ten years on both sides of that time. */
export function buildAuthority(key: BuiltInKey, now: number): BuiltInAuthority {
  const issued = issue({
    subject: nameDer([['CN', AUTHORITY]]),
    issuer: undefined,
    key,
    signer: key,
    serial: Buffer.of(1),
    days: [now - 3650 * DAY, now + 3650 * DAY],
    extensions: [
      extension(BASIC_CONSTRAINTS, sequence(TRUE), true),
      extension(KEY_USAGE, writeElement(0x03, Buffer.of(1, 0x06)), true),
    ],
  })
  return { key, certificate: { ...issued, principal: `CN=${AUTHORITY}` } }
}

interface Order {
  readonly subject: Buffer
  /** Itself when absent. */
  readonly issuer: Buffer | undefined
  readonly key: BuiltInKey
  readonly signer: BuiltInKey
  readonly serial: Buffer
  /** First and last moment, seconds since the epoch. */
  readonly days: readonly [number, number]
  readonly extensions: readonly Buffer[]
}

function issue({
  subject,
  issuer,
  key,
  signer,
  serial,
  days,
  extensions,
}: Order): Omit<BuiltInCertificate, 'principal'> {
  const content = sequence(
    writeElement(0xa0, writeElement(0x02, Buffer.of(2))),
    writeElement(0x02, serial),
    ED25519,
    issuer ?? subject,
    sequence(...days.map(time)),
    subject,
    createPublicKey(key.privateKey).export({ format: 'der', type: 'spki' }),
    ...(extensions.length > 0 ? [writeElement(0xa3, sequence(...extensions))] : []),
  )
  const signature = sign(null, content, signer.privateKey)
  const der = sequence(content, ED25519, writeElement(0x03, Buffer.of(0), signature))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  const pem = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
  return { der, pem, thumbprint: sha256(der) }
}

/** What makes a certificate a qualified one for websites, and says what its owner may do (EN 319 412-5, TS 119 495). */
function qcStatements({ roles = [], qwac = roles.length > 0 }: Content): Buffer | undefined {
  if (!qwac && roles.length === 0) return undefined
  const statement = (id: string, ...info: readonly Buffer[]): Buffer => sequence(oid(id), ...info)
  const granted = roles.map((role) => sequence(oid(roleOids[role]), utf8(role)))
  return sequence(
    ...(qwac ? [statement('0.4.0.1862.1.1'), statement('0.4.0.1862.1.6', sequence(oid('0.4.0.1862.1.6.3')))] : []),
    ...(granted.length > 0
      ? [
          statement(
            '0.4.0.19495.2',
            sequence(sequence(...granted), utf8('Financial Conduct Authority'), utf8('GB-FCA')),
          ),
        ]
      : []),
  )
}

const DAY = 86_400

const sequence = (...parts: readonly Buffer[]): Buffer => writeElement(0x30, ...parts)
const utf8 = (text: string): Buffer => writeElement(0x0c, Buffer.from(text))

/** A name of these attributes in this order; a type that nobody knows is left out. */
const nameDer = (attributes: readonly (readonly [string, string])[]): Buffer =>
  sequence(
    ...attributes.flatMap(([name, value]) => {
      const type = typeOf(name)
      return type === undefined ? [] : [writeElement(0x31, sequence(oid(type), utf8(value)))]
    }),
  )

function oid(dotted: string): Buffer {
  const [root = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return writeElement(0x06, ...[root * 40 + second, ...rest].map(septets))
}

function septets(value: number): Buffer {
  const digits = [value % 128]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift((rest % 128) + 128)
  return Buffer.from(digits)
}

const extension = (id: string, value: Buffer, critical = false): Buffer =>
  sequence(oid(id), ...(critical ? [TRUE] : []), writeElement(0x04, value))

/** GeneralizedTime, which any year fits. */
const time = (seconds: number): Buffer =>
  writeElement(0x18, Buffer.from(`${new Date(seconds * 1000).toISOString().replaceAll(/[-:T]|\.[0-9]+/g, '')}`))

const TRUE = writeElement(0x01, Buffer.of(0xff))
const ED25519 = sequence(oid('1.3.101.112'))
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17'
const BASIC_CONSTRAINTS = '2.5.29.19'
const KEY_USAGE = '2.5.29.15'
const EXTENDED_KEY_USAGE = '2.5.29.37'
const CERTIFICATE_POLICIES = '2.5.29.32'
const QC_STATEMENTS = '1.3.6.1.5.5.7.1.3'
const purposes = {
  clientAuth: oid('1.3.6.1.5.5.7.3.2'),
  serverAuth: oid('1.3.6.1.5.5.7.3.1'),
  none: undefined,
} as const
const roleOids = {
  PSP_AS: '0.4.0.19495.1.1',
  PSP_PI: '0.4.0.19495.1.2',
  PSP_AI: '0.4.0.19495.1.3',
  PSP_IC: '0.4.0.19495.1.4',
} as const
