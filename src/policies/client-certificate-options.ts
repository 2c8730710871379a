import { z } from 'zod'
import { duration } from '../durations.ts'
import { roleNames } from '../verify/certificate-roles.ts'

const text = z.string().min(1).max(1024)
const unique = (items: readonly string[]): boolean => new Set(items).size === items.length

/** One of a list is short for the list of it; it is written back as a list. */
const oneOrMore = <Item extends string>(item: z.ZodType<Item, Item>, most: number) => {
  const list = z.array(item).max(most).refine(unique, { error: 'each of them once' })
  const short = z.codec(item, z.array(item), {
    decode: (one: Item): Item[] => [one],
    encode: (input, context) => {
      context.issues.push({ code: 'custom', message: 'is written as a list', input })
      return z.NEVER
    },
  })
  return z.union([short, list])
}

/** Attributes of a subject by short name or dotted OID. */
const attributes = z.record(text, text)

const certificateList = z.strictObject({
  subjects: z.array(attributes).optional(),
  dns: z.array(text).optional(),
  uris: z.array(text).optional(),
  emails: z.array(text).optional(),
  /** SHA-256 of the certificate, in base64url or hex. */
  thumbprints: z.array(text).optional(),
  /** SHA-256 of its public key, in base64url or hex. */
  spki: z.array(text).optional(),
  serials: z.array(z.strictObject({ issuer: attributes, serial: text })).optional(),
})

const role = z.enum(roleNames)
const roles = z.strictObject({ all: z.array(role).default([]), any: z.array(role).default([]) })
const allRoles = z.codec(z.array(role), roles, {
  decode: (all) => ({ all }),
  encode: (input, context) => {
    context.issues.push({ code: 'custom', message: 'is written as a map', input })
    return z.NEVER
  },
})

const mode = z.enum(['off', 'soft', 'hard'])

const revocation = z.strictObject({
  /** `hard`: without a word on its status no certificate passes; `soft`: it passes, and is counted. */
  crl: mode.default('off'),
  ocsp: mode.default('off'),
  /** Revocation lists of the authorities. */
  files: z.array(text).max(64).default([]),
  urls: z.array(text).max(64).default([]),
  /** Hosts at which a list or a responder may be asked that a certificate names. */
  hosts: z.array(text).max(64).default([]),
  /** One OCSP responder for all certificates; absent: each certificate names its own. */
  responder: text.optional(),
  order: z
    .array(z.enum(['crl', 'ocsp']))
    .min(1)
    .refine(unique, { error: 'each of them once' })
    .default(['crl', 'ocsp']),
  /** Every certificate of the path but the trust anchor, or that of the client alone. */
  scope: z.enum(['chain', 'leaf']).default('chain'),
  /** How long a list or an answer counts that does not say when the next one comes. */
  maxAge: duration(60, 86_400).prefault('1h'),
  /** How long a request waits for what is not at hand. */
  wait: duration(0.01, 1).prefault('150ms'),
  /** Refuse OCSP answers that were made before they were asked for. */
  requireNonce: z.boolean().default(false),
})

export const options = z.strictObject({
  /** PEM files with the authorities that are trusted. */
  ca: oneOrMore(text, 16).prefault([]),
  /** PEM files with authorities that help to find a path, and are trusted in nothing. */
  intermediates: oneOrMore(text, 16).prefault([]),
  /** SHA-256 thumbprints of certificates that are accepted whoever issued them, in base64url or hex. */
  pinned: z.array(text).max(10_000).default([]),
  /** By how much clocks may differ. */
  leeway: duration(0, 300).prefault('0s'),
  /** Purposes of which a certificate has to have one; `absent`: it may state none. */
  eku: oneOrMore(z.enum(['clientAuth', 'serverAuth', 'any', 'absent']), 4).prefault('clientAuth'),
  /** Certificate policies, one of which the path has to have. */
  policies: z
    .array(z.string().regex(/^[0-2](?:\.[0-9]{1,20}){1,30}$/, { error: 'an OID, for example 0.4.0.194112.1.4' }))
    .max(64)
    .default([]),
  /** Roles of payment services (PSD2): all of a list, or `{ all, any }`. */
  roles: z.union([allRoles, roles]).prefault([]),
  /** Only qualified certificates for website authentication. */
  qwac: z.boolean().default(false),
  /** Kinds of organizationIdentifier that are accepted where roles are asked for. */
  organizationIdentifiers: z
    .array(z.string().regex(/^(?:[A-Z]{3}|[A-Z]{2}:)$/, { error: 'three letters, for example PSD' }))
    .min(1)
    .max(32)
    .default(['PSD']),
  /** One entry has to name the certificate. */
  allow: certificateList.optional(),
  /** No entry may name it. */
  deny: certificateList.optional(),
  revocation: revocation.prefault({}),
})

export type ClientCertificateOptions = z.output<typeof options>

/** What may be done without; undefined when a certificate needs a good word of somebody, or nobody is asked. */
export function softOf({ crl, ocsp }: ClientCertificateOptions['revocation']): string | undefined {
  if (crl === 'hard' || ocsp === 'hard') return undefined
  const soft = [...(crl === 'soft' ? ['crl'] : []), ...(ocsp === 'soft' ? ['ocsp'] : [])]
  return soft.length > 0 ? soft.join(' and ') : undefined
}
