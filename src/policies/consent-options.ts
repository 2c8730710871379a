import { z } from 'zod'
import { duration } from '../durations.ts'

const text = z.string().min(1).max(1024)
const permission = z.string().min(1).max(256)
const permissions = z.array(permission).max(64)
const method = z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

const oneOf = (value: object): boolean => Object.values(value).filter((one) => one !== undefined).length === 1

/** Where the token names its consent. */
const id = z
  .strictObject({
    /** A claim, or JSON pointers to one; where several are there they have to agree. */
    claim: z.union([text, z.array(text).min(1).max(8)]).optional(),
    scope: z
      .string()
      .regex(/^[\x21\x23-\x5b\x5d-\x7a|~]*\{id\}[\x21\x23-\x5b\x5d-\x7a|~]*$/, {
        error: 'a scope with {id}, for example consent:{id}',
      })
      .optional(),
    introspection: text.optional(),
  })
  .refine(oneOf, { error: 'one of claim, scope, introspection' })

/** How whoever asks shows who it is, and how long it waits. */
const asking = {
  auth: z.enum(['mtls', 'jwt']).default('mtls'),
  /** Private key, PEM or JWK: of the certificate, or what JWTs are signed with. */
  key: text,
  certificate: text.optional(),
  /** Our name there, for `auth: jwt`. */
  clientId: text.optional(),
  timeout: duration(0.01, 1).prefault('200ms'),
}

interface Asking {
  readonly auth: 'mtls' | 'jwt'
  readonly certificate?: string | undefined
  readonly clientId?: string | undefined
}
const certified = ({ auth, certificate }: Asking): boolean => (auth === 'mtls') === (certificate !== undefined)
const named = ({ auth, clientId }: Asking): boolean => (auth === 'jwt') === (clientId !== undefined)
const certificateRule = { path: ['certificate'], error: 'a certificate with auth: mtls, and none with auth: jwt' }
const nameRule = { path: ['clientId'], error: 'a clientId with auth: jwt, and none with auth: mtls' }

/** A consent service that is asked over https. */
const http = z
  .strictObject({
    url: z
      .string()
      .max(1024)
      .regex(/^https:\/\/[^\s/?#@{}]+(?:\/[^\s?#{}]*)?\/\{id\}$/, { error: 'an https URL that ends with /{id}' })
      .refine((url) => URL.canParse(url.replace('{id}', 'id')), { error: 'an https URL that ends with /{id}' }),
    ...asking,
  })
  .refine(certified, certificateRule)
  .refine(named, nameRule)

/** A consent service that is asked over gRPC (proto/envoyfapi/consent/v1/consent.proto). */
const grpc = z
  .strictObject({
    url: z
      .string()
      .max(1024)
      .regex(/^https:\/\/[^\s/?#@{}]+$/, { error: 'an https URL without path, for example https://consents:8443' })
      .refine((url) => URL.canParse(url), { error: 'an https URL without path, for example https://consents:8443' }),
    ...asking,
  })
  .refine(certified, certificateRule)
  .refine(named, nameRule)

const source = z
  .strictObject({
    claim: text.optional(),
    introspection: text.optional(),
    file: text.optional(),
    http: http.optional(),
    grpc: grpc.optional(),
  })
  .refine(oneOf, { error: 'one of claim, introspection, file, http, grpc' })

export const consentOptions = z
  .strictObject({
    id,
    source,
    /** States in which a consent counts. */
    states: z
      .array(z.enum(['ACTIVE', 'AWAITING', 'CONSUMED']))
      .min(1)
      .default(['ACTIVE']),
    /** How long the answer of a consent service is believed. */
    cache: duration(0, 5).prefault('5s'),
    permissions: z
      .strictObject({
        all: permissions.default([]),
        any: permissions.default([]),
        methods: z.partialRecord(method, permissions).default({}),
      })
      .prefault({}),
    /** Path parameters that are accounts of the consent. */
    accounts: z.array(text).max(8).default([]),
    /** Methods that use the consent up. */
    single: z.array(method).default([]),
  })
  .refine(
    ({ single, source: { http: service, grpc: other } }) => single.length === 0 || (service ?? other) !== undefined,
    {
      path: ['single'],
      error: 'methods only with source.http or source.grpc: what is used up has to be told to the service that knows',
    },
  )
  .refine(({ single, states }) => single.length === 0 || !states.includes('CONSUMED'), {
    path: ['states'],
    error: 'states without CONSUMED where single uses consents up',
  })

export type ConsentOptions = z.output<typeof consentOptions>
export type ConsentService = z.output<typeof http>
export type GrpcConsentService = z.output<typeof grpc>

/** Lookups with the same key are one: they share what is remembered, and what is under way. */
export const consentKey = ({ source: { http: service, grpc: other, file }, states, cache }: ConsentOptions): string =>
  JSON.stringify([service ?? null, other ?? null, file ?? null, states, cache])
