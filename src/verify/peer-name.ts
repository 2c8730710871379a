import { X509Certificate } from 'node:crypto'
import { isSubject } from './distinguished-name.ts'

/**
 * What is wrong with a certificate somebody forwarded; undefined when nothing is. Envoy names the peer of a connection
 * by the certificate's first URI name, else its first DNS name, else its subject: a principal that is given has to be
 * that. The names are written into x-forwarded-client-cert as they are, so none may hold what parts it.
 */
export function judgePeer(der: Buffer, principal: string | undefined): string | undefined {
  let names: readonly Name[]
  try {
    names = readNames(new X509Certificate(der).subjectAltName)
  } catch {
    return 'the certificate cannot be parsed'
  }
  if (!names.every(({ value }) => SAFE.test(value))) return 'a name in the certificate holds a delimiter'
  if (principal === undefined) return undefined
  const first = names.find(({ type }) => type === 'URI') ?? names.find(({ type }) => type === 'DNS')
  const agrees = first ? first.value === principal : isSubject(der, principal)
  return agrees ? undefined : 'the certificate is not the one of this connection'
}

interface Name {
  readonly type: string
  readonly value: string
}

/** Printable ASCII without comma, semicolon and double quote. */
const SAFE = /^[\x20\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]+$/

/** URI and DNS names in the form the runtime writes them: quoted like JSON when a character could mislead. */
function readNames(text = ''): readonly Name[] {
  const names: Name[] = []
  const name = /(?<type>[A-Za-z0-9 ]+):(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<bare>[^",]*))(?:, |$)/y
  while (name.lastIndex < text.length) {
    const groups = name.exec(text)?.groups
    if (!groups) throw new Error('the alternative names cannot be read')
    const { type = '', quoted, bare = '' } = groups
    if (type !== 'URI' && type !== 'DNS') continue
    names.push({ type, value: quoted === undefined ? bare : String(JSON.parse(`"${quoted}"`)) })
  }
  return names
}
