import {
  type AttributeMap,
  compileAttributes,
  hasAttributes,
  knownAttributes,
  type WantedAttributes,
} from './name-match.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { nameOfType, typeOf } from './x509/attribute-types.ts'
import { attributesOf, type Name } from './x509/name.ts'

/** Which certificate a client has: one whose subject names the client_id, or the one that is listed for it. */
export type ClientRule =
  | { readonly attribute: string; readonly clients?: undefined }
  | { readonly clients: Readonly<Record<string, AttributeMap>>; readonly attribute?: undefined }

/** Undefined when the certificate with this subject is the client's, else why not, for the operator. */
export type ClientMatcher = (subject: Name, clientId: string) => string | undefined

/** Clients that may be listed. */
const MAX_CLIENTS = 10_000

/** Compiled once, at the start; the problem names what is wrong. */
export function compileClientRule(rule: ClientRule): Reading<ClientMatcher> {
  return rule.clients === undefined ? compileAttribute(rule.attribute) : compileClients(rule.clients)
}

/** No preparation here: a client_id is compared character by character (RFC 6749 appendix A.1). */
function compileAttribute(attribute: string): Reading<ClientMatcher> {
  const type = typeOf(attribute)
  if (type === undefined) return unreadable(`${attribute} is no attribute that is known; write its dotted OID`)
  const name = nameOfType.get(type) ?? type
  return read((subject, clientId) => {
    const [only, another] = attributesOf(subject, type)
    if (!only) return `its subject has no ${name}`
    if (another || only.text === undefined) return `its subject has ${name} more than once, or not as text`
    return only.text === clientId ? undefined : `its ${name} is not the client_id of the token`
  })
}

function compileClients(clients: Readonly<Record<string, AttributeMap>>): Reading<ClientMatcher> {
  const entries = Object.entries(clients)
  if (entries.length === 0) return unreadable('no client is listed')
  if (entries.length > MAX_CLIENTS) return unreadable(`more than ${MAX_CLIENTS} clients are listed`)
  const wantedOf = new Map<string, WantedAttributes>()
  for (const [clientId, map] of entries) {
    const wanted = compileAttributes(map)
    if (!wanted.ok) return unreadable(`the subject of ${JSON.stringify(clientId)}: ${wanted.problem}`)
    wantedOf.set(clientId, wanted.value)
  }
  return read((subject, clientId) => {
    const wanted = wantedOf.get(clientId)
    if (!wanted) return 'no certificate is listed for the client_id of the token'
    return hasAttributes(knownAttributes(subject), wanted)
      ? undefined
      : 'its subject is not the one that is listed for the client_id of the token'
  })
}
