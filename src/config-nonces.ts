import type { Config } from './config.ts'
import type { SenderConstraintOptions } from './policies/sender-constraint.ts'
import type { Problem } from './problems.ts'

/** Secrets that no one can guess, and that every replica shares. Messages never show one. */
export function checkNonces(config: Config): readonly Problem[] {
  const { nonces, replicas } = config
  const { secrets } = nonces
  if (secrets === undefined) {
    if (replicas === 1 || !asksForNonces(config)) return []
    const message = `replicas: ${replicas} need nonces.secrets in common; a nonce of one replica would be refused by another`
    return [{ path: ['nonces'], message }]
  }
  return [...secrets.entries()].flatMap(([index, secret]) => {
    const message = secrets.indexOf(secret) < index ? 'this secret stands twice' : weaknessOf(secret)
    return message === undefined ? [] : [{ path: ['nonces', 'secrets', index], message }]
  })
}

/** Said by `config check`. */
export const nonceNotes = (config: Config): readonly string[] =>
  config.nonces.secrets === undefined && asksForNonces(config)
    ? ['nonces.secrets is not set: nonces end with the process that issued them']
    : []

const asksForNonces = ({ routes }: Config): boolean =>
  routes
    .flatMap(({ policies }) => policies)
    .filter(({ name }) => name === 'senderConstraint')
    // Parsed by the very schema this type comes from.
    .some(({ options }) => (options as SenderConstraintOptions).dpop.nonce !== 'off')

const MIN_BYTES = 32
/** Random text of 32 hexadecimal digits has fewer different ones about once in 25 million times. */
const MIN_VARIETY = 8

/** What makes a secret easy to guess; undefined when nothing is seen. */
export function weaknessOf(secret: string): string | undefined {
  const bytes = Buffer.from(secret)
  if (bytes.length < MIN_BYTES)
    return `a secret has at least ${MIN_BYTES} bytes; openssl rand -base64 32 makes a good one`
  const steps = bytes.subarray(1).map((byte, index) => byte - (bytes[index] ?? 0))
  const varied = new Set(bytes).size >= MIN_VARIETY && new Set(steps).size >= MIN_VARIETY
  return varied && !isRepeated(secret)
    ? undefined
    : 'this is a pattern, not a secret; openssl rand -base64 32 makes one'
}

/** A text that is made of one shorter text is found in its double before its own length. */
const isRepeated = (text: string): boolean => (text + text).indexOf(text, 1) < text.length
