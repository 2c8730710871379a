import { hash } from 'node:crypto'
import type { Headers } from '../attributes.ts'
import type { CheckRequest } from '../wire.ts'
import type { Facts } from './explanation.ts'

/** Fields whose content is shown to nobody. */
const secretFields = [
  'authorization',
  'proxy-authorization',
  'dpop',
  'cookie',
  'client-cert',
  'client-cert-chain',
  'x-forwarded-client-cert',
]

/** Fields of any other name that say what they hold. */
const SECRET_NAME = /api-?key|assertion|credential|passw|secret|session|token/

/** Shorter texts are no secrets, and would be found everywhere. */
const MIN_LENGTH = 16
/** Secrets of one request at the most; whatever looks like a JWT is hidden besides. */
const MAX_SECRETS = 500

/** Texts of a request that may appear nowhere: tokens, proofs, certificates and cookies, whole and in parts. */
export function secretsOf(wire: CheckRequest, headers: Headers): readonly string[] {
  const named = [...headers.keys()].filter((name) => SECRET_NAME.test(name))
  const fields = [...secretFields, ...named].flatMap((name) => headers.get(name) ?? [])
  const { source, request } = wire.attributes ?? {}
  const query = request?.http?.path?.split('?').slice(1).join('?') ?? ''
  const tokens = [query, decoded(query)].flatMap((text) => text.match(/(?<=access_token=)[^&;]+/gi) ?? [])
  const wholes = [...fields, source?.certificate ?? '', ...tokens]
  const parts = wholes.flatMap((text) => [text, ...text.split(/[\s,;:="'.]+/), ...decoded(text).split(/\s+/)])
  const secrets = new Set(parts.filter((text) => text.length >= MIN_LENGTH))
  return [...secrets].sort((left, right) => right.length - left.length).slice(0, MAX_SECRETS)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

/**
 * The same facts without the secrets of their request. Before anything is cut or spelled out: the beginning of a secret
 * would not be found again. The words of the service itself stay, whatever a client sends.
 */
export function withoutSecrets(facts: Facts, secrets: readonly string[]): Facts {
  const { detail, would, interactionId, request, client, entries } = facts
  return {
    ...facts,
    ...hideSecrets({ detail, interactionId, request, client }, secrets),
    would: would && { ...would, detail: hideSecrets(would.detail, secrets) },
    entries: entries?.map(({ found, expected, ...rest }) => ({
      ...rest,
      ...hideSecrets({ found, expected }, secrets),
    })),
  }
}

/** The same value with the beginning of a hash in the place of every secret, however deep it stands. */
export function hideSecrets<T>(value: T, secrets: readonly string[]): T {
  const hide = (item: unknown): unknown => {
    if (typeof item === 'string') return hideInText(item, secrets)
    if (Array.isArray(item)) return item.map(hide)
    if (typeof item !== 'object' || item === null) return item
    return Object.fromEntries(Object.entries(item).map(([name, member]) => [name, hide(member)]))
  }
  // The same shape with other texts.
  return hide(value) as T
}

/** Hides what looks like a JWT, whoever sent it. */
export const hideTokens = (text: string): string => text.replaceAll(JWT, showHash)

function hideInText(text: string, secrets: readonly string[]): string {
  let hidden = text
  for (const secret of secrets) if (hidden.includes(secret)) hidden = hidden.replaceAll(secret, showHash(secret))
  return hideTokens(hidden)
}

/** A compact JWS or JWE, or what is left of one: they begin with `{"`. */
const JWT = /eyJ[\w-]{8,}(?:\.[\w-]*)*/g

const showHash = (secret: string): string => `sha256:${hash('sha256', secret, 'hex').slice(0, 12)}`
