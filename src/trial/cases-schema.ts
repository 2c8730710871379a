import { z } from 'zod'
import { answers, type DenyReason } from '../denial.ts'
import { dayExists, duration } from '../durations.ts'
import { certificate } from './certificate-schema.ts'

const text = z.string().min(1).max(8192)
const name = z.string().min(1).max(200)

const OFFSET = /^[+-]?[0-9]{1,9}(?:ms|s|m|h|d)$/
const INSTANT = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,3})?Z$/
const offsetForm = 'a time from now with a unit, for example +65s or -5m'
const instantForm = 'an instant like 2026-11-25T10:00:00Z'
const isInstant = (value: string): boolean =>
  INSTANT.test(value) && !Number.isNaN(Date.parse(value)) && dayExists(value)

const offset = z.string({ error: offsetForm }).regex(OFFSET, { error: offsetForm })
const instant = z.string({ error: instantForm }).refine(isInstant, { error: instantForm })
const moment = z
  .string({ error: `${offsetForm}, or ${instantForm}` })
  .refine((value) => OFFSET.test(value) || isInstant(value), { error: `${offsetForm}, or ${instantForm}` })

/** What the sender may sign with, also what nobody should take. */
const algorithm = z.enum(['ES256', 'PS256', 'EdDSA', 'Ed25519', 'RS256', 'HS256', 'none'])

/** Members that take the place of those of a good one; `null` leaves a member out. */
const members = z.record(z.string().max(200), z.unknown())

const client = z.strictObject({
  /** `client_id` of its tokens; the name it has here when absent. */
  id: text.optional(),
  /** Who its tokens are about (`sub`). */
  subject: text.default('user-1'),
  /** What its proofs are signed with. */
  algorithm: z.enum(['ES256', 'PS256', 'EdDSA', 'Ed25519']).default('ES256'),
  /** What its certificate says. Every client has one, and shows it when its token is bound to it, or the route asks. */
  certificate: certificate.prefault({}),
})

const token = z.strictObject({
  /** The authorization server that signs it, by its name in the configuration. */
  server: text.optional(),
  /** The client it was issued to; whoever sends it when absent. */
  client: name.optional(),
  scopes: z.array(text).max(100).optional(),
  audience: z.union([text, z.array(text).max(20)]).optional(),
  lifetime: duration(0, 366 * 86_400).optional(),
  /** When it was issued, from the time of the request. */
  iat: offset.optional(),
  /** When its user was authenticated, from the time of the request. */
  authTime: offset.optional(),
  bind: z.enum(['dpop', 'mtls', 'both', 'none']).optional(),
  /** `another`: signed with a key that the server does not have. */
  key: z.literal('another').optional(),
  algorithm: algorithm.optional(),
  typ: text.optional(),
  /** It means nothing by itself; the server is asked about it. */
  opaque: z.boolean().optional(),
  /** What the server answers when it is asked about it. */
  introspection: z.enum(['active', 'inactive', 'unavailable']).default('active'),
  /** How it is sent; by its binding when absent. */
  scheme: z.enum(['DPoP', 'Bearer']).optional(),
  claims: members.default({}),
  header: members.default({}),
})

const proof = z.strictObject({
  htm: text.optional(),
  htu: text.optional(),
  iat: offset.optional(),
  jti: text.optional(),
  /** `none` leaves it out. */
  ath: text.optional(),
  /** `none` leaves it out; `challenge` is the one of the last answer. */
  nonce: text.optional(),
  /** `another`: a key that nobody knows; or the name of another client. */
  key: name.optional(),
  algorithm: algorithm.optional(),
  typ: text.optional(),
  claims: members.default({}),
  header: members.default({}),
})

const noneOrAgain = z.enum(['none', 'again'])

const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/, { error: 'a header name' })
const headerValue = z.string().max(65_536)

const REQUEST = /^(?:[A-Z]{1,32} )?(?:\/\S*|https:\/\/[^/?#\s]+(?:[/?#]\S*)?)$/
const requestForm = 'GET /path, a URL, or a map with url'

const request = z.union([
  z.string().max(8192).regex(REQUEST, { error: requestForm }),
  z.strictObject({
    method: z.string().min(1).max(32).default('GET'),
    /** A path is one of the first public origin. */
    url: z
      .string()
      .max(8192)
      .regex(/^(?:\/\S*|https:\/\/[^/?#\s]+(?:[/?#]\S*)?)$/, { error: 'a path or an https URL' }),
    /** Lines that are sent besides those of token and proof. */
    headers: z.record(headerName, z.union([headerValue, z.array(headerValue).max(20)])).default({}),
    body: z.string().max(65_536).optional(),
    /** Address of the peer of the connection, and what Envoy calls it. */
    address: text.optional(),
    principal: text.optional(),
    /** Context extensions that Envoy sends, such as `route`. */
    extensions: z.record(text, text).default({}),
  }),
])

const reasons = ['allowed', ...(Object.keys(answers) as DenyReason[])] as const

/** A text that has to be the value; `true`: there with any value; `false`: absent. */
const expectedHeaders = z.record(headerName, z.union([headerValue, z.boolean()])).default({})

const expectation = z
  .strictObject({
    /** 200 when the request goes on to the upstream. */
    status: z.int().min(200).max(599).optional(),
    reason: z.enum(reasons).optional(),
    /** On a route in shadow: the reason for which it would have been refused; `allowed` when it would not. */
    would: z.enum(reasons).optional(),
    /** The OAuth error code of the answer. */
    error: text.optional(),
    /** Texts that some `WWW-Authenticate` of the answer holds. */
    challenge: z.union([text, z.array(text).min(1).max(20)]).optional(),
    route: text.optional(),
    /** What the upstream is told when the request is allowed, else headers of the answer. */
    headers: expectedHeaders,
    /** Headers of the answer to the client, whatever became of the request. */
    answer: expectedHeaders,
    /** Headers of the request that the upstream does not get to see. */
    removed: z.array(headerName).max(50).default([]),
  })
  .refine(({ status, reason }) => status !== undefined || reason !== undefined, {
    error: 'status or reason, without which no case can fail',
  })

/** What whoever is asked about consents says of one. Without names it is that of the sender and of the first server. */
const consent = z.union([
  z.enum(['absent', 'unavailable']),
  z.strictObject({
    state: z.string().max(64).default('ACTIVE'),
    issuer: text.optional(),
    clientId: text.optional(),
    subject: text.optional(),
    permissions: z.array(text).max(256).default([]),
    accounts: z.array(text).max(1000).optional(),
    /** When it ends, from the time of the case. */
    expires: offset.optional(),
  }),
])

const send = {
  /** By consent id; there are no others. */
  consents: z.record(text, consent).optional(),
  /** Who sends it: a name of `clients`; the first of them when absent. */
  client: name.optional(),
  /** The certificate that is shown: `none`, `another`, or that of a client; by the token when absent. */
  certificate: name.optional(),
  token: z.union([token, noneOrAgain]).optional(),
  proof: z.union([proof, noneOrAgain]).optional(),
  request: request.optional(),
}

const step = z.strictObject({
  ...send,
  /** Time that passes before. */
  wait: duration(0, 366 * 86_400).prefault('0s'),
  expect: expectation,
})

const testCase = z
  .strictObject({
    name,
    /** When it happens: from `now`, or an instant. */
    at: moment.default('+0s'),
    ...send,
    expect: expectation.optional(),
    /** Several requests in a row; each takes what it does not say from the case. */
    steps: z.array(step).min(1).max(100).optional(),
  })
  .refine((one) => (one.expect === undefined) !== (one.steps === undefined), {
    error: 'either expect, or steps with an expect each',
  })

/** A file of cases. Everything that is not said is as in a good request. */
export const casesSchema = z.strictObject({
  /** Variables that the configuration refers to; they win over those that are set. */
  environment: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'the name of a variable' }), z.string())
    .default({}),
  /** Contents that `${file:…}` of the configuration finds, by path. */
  files: z.record(text, z.string()).default({}),
  now: instant.default('2027-01-15T08:00:00Z'),
  clients: z
    .record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, { error: 'a short name' }), client)
    .refine((clients) => Object.keys(clients).length <= 100, { error: 'at most 100 clients' })
    .default({}),
  cases: z.array(testCase).min(1).max(10_000),
})

export type Cases = z.output<typeof casesSchema>
export type TestCase = Cases['cases'][number]
export type Expectation = z.output<typeof expectation>
export type TokenDifference = z.output<typeof token>
export type ProofDifference = z.output<typeof proof>
export type ToldConsent = z.output<typeof consent>
export type Algorithm = z.output<typeof algorithm>
type Request = z.output<typeof request>
export type RequestMap = Exclude<Request, string>

/** The JSON Schema (draft 2020-12) of a cases file, made from the schema that reads it when it is first wanted. */
export function casesJsonSchema(): Record<string, unknown> {
  made ??= {
    title: 'envoy-fapi policy tests',
    ...z.toJSONSchema(casesSchema, { io: 'input', unrepresentable: 'any' }),
  }
  return made
}
let made: Record<string, unknown> | undefined

/** The clients of a file, the one that sends where nobody is named first. */
export const clientNames = ({ clients }: Cases): readonly [string, ...string[]] => {
  const [first = 'client', ...others] = Object.keys(clients)
  return [first, ...others]
}

/** Seconds of a checked offset. */
export function secondsOf(written: string): number {
  const [, sign, number = '0', unit = 's'] = /^([+-]?)([0-9]+)([a-z]+)$/.exec(written) ?? []
  const size = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }[unit] ?? 1
  return (sign === '-' ? -1 : 1) * Number(number) * size
}

/** Seconds since the epoch of a checked instant, or of an offset to another one. */
export const momentOf = (written: string, now: number): number =>
  OFFSET.test(written) ? now + secondsOf(written) : Date.parse(written) / 1000
