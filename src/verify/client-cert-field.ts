import { isWholeSequence } from './certificate.ts'
import { type Reading, read, unreadable } from './reading.ts'

/** Characters of one field; far above any real certificate, and chain. */
const MAX_LENGTH = 16_384
const MAX_CHAIN_LENGTH = 61_440
const MAX_CHAIN = 16

/** The certificate of the client, and those that came along with it; DER. */
export interface ClientCertField {
  readonly certificate: Buffer
  readonly chain: readonly Buffer[]
}

/**
 * RFC 9440 section 2.2: `Client-Cert` is one byte sequence with the DER certificate, in a single field. Undefined when
 * neither it nor a chain was sent. The chain has to be one (section 2.3), and says nothing about the client.
 */
export function readClientCert(
  lines: readonly string[] | undefined,
  chain: readonly string[] | undefined,
): Reading<ClientCertField | undefined> {
  if (lines === undefined)
    return chain === undefined ? read(undefined) : unreadable('Client-Cert-Chain came without Client-Cert')
  const [line = '', ...more] = lines
  if (more.length > 0) return unreadable('Client-Cert was sent more than once')
  if (line.length > MAX_LENGTH) return unreadable('Client-Cert is too long')
  const certificate = readByteSequence(line)
  if (!certificate) return unreadable('Client-Cert is not one byte sequence with a DER certificate')
  if (chain === undefined) return read({ certificate, chain: [] })
  const members = readChain(chain.join(','), certificate)
  return members.ok ? read({ certificate, chain: members.value }) : members
}

/** RFC 9440 section 2.3: a list of byte sequences, in one field or several, the client's own certificate not among them. */
function readChain(text: string, leaf: Buffer): Reading<readonly Buffer[]> {
  if (text.length > MAX_CHAIN_LENGTH) return unreadable('Client-Cert-Chain is too long')
  const members = text.split(',')
  if (members.length > MAX_CHAIN) return unreadable('Client-Cert-Chain has too many certificates')
  const chain: Buffer[] = []
  for (const member of members) {
    const certificate = readByteSequence(member)
    if (!certificate) return unreadable('Client-Cert-Chain is not a list of byte sequences with DER certificates')
    if (certificate.equals(leaf)) return unreadable('Client-Cert-Chain repeats the certificate of Client-Cert')
    chain.push(certificate)
  }
  return read(chain)
}

/** RFC 8941 section 3.3.5, without parameters, in the one canonical spelling of base64. */
function readByteSequence(text: string): Buffer | undefined {
  const [, base64] = /^[ \t]*:([A-Za-z0-9+/]+={0,2}):[ \t]*$/.exec(text) ?? []
  if (base64 === undefined) return undefined
  const bytes = Buffer.from(base64, 'base64')
  return bytes.toString('base64') === base64 && isWholeSequence(bytes) ? bytes : undefined
}
