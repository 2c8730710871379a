import { z } from 'zod'
import { type Denial, deny, ok, type Result } from '../denial.ts'
import { policyKind, type RoutedRequest } from '../policy.ts'
import { compared } from '../trace.ts'
import {
  type Comparison,
  compareField,
  compareLists,
  type DetailRules,
  type FieldMatch,
  readDetails,
} from '../verify/authorization-details.ts'
import { MAX_POINTER, POINTER, pointerNames } from '../verify/json-pointer.ts'
import { bodyValue, type Place, pathValue, queryValue, readJsonBody, readPlace } from '../verify/request-values.ts'
import { type JsonObject, own } from '../verify/strict-json.ts'

const CLAUSE = 'RFC 9396 section 2'

const name = z.string().min(1).max(256)
const names = z.array(name).max(32).default([])

const place = z
  .string()
  .max(MAX_POINTER)
  .regex(/^(?:path:[A-Za-z]\w*|query:[^\s&=;#[]+|body:(?:\/(?:[^~/]|~[01])*)+)$/, {
    error: 'path:name, query:name or body:/pointer',
  })

const isPointer = (text: string): boolean => text.length <= MAX_POINTER && POINTER.test(text)

const options = z.strictObject({
  /** The type of the details that are looked at; those of other types grant nothing here. */
  type: name,
  /** What one element has to hold, all of each. */
  actions: names,
  locations: names,
  datatypes: names,
  privileges: names,
  /** What `identifier` may be; empty: anything. */
  identifiers: names,
  /** Fields of that element, by JSON pointer, and where in the request the same has to stand. */
  match: z
    .record(
      z.string(),
      z.union([place, z.strictObject({ from: place, as: z.enum(['text', 'decimal', 'atMost']).default('text') })]),
    )
    .refine((fields) => Object.keys(fields).every(isPointer), { error: 'JSON pointers as names, for example /amount' })
    .refine((fields) => Object.keys(fields).length <= 16, { error: 'up to 16 fields' })
    .default({}),
})

export type AuthorizationDetailsOptions = z.output<typeof options>

/** One element of `authorization_details` grants the request, field by field (RFC 9396; AZ-05, AZ-06). */
export const authorizationDetails = policyKind({
  options,
  needs: ['token', 'binding'],
  yields: [],
  create: ({ match, ...rules }) => {
    const fields = Object.entries(match).map(([pointer, written]) => {
      const { from, as } = typeof written === 'string' ? { from: written, as: 'text' as const } : written
      return { pointer, names: pointerNames(pointer), as, place: from, where: readPlace(from) }
    })
    return (request, { token }) => {
      const { trace } = request
      const details = readDetails(own(token.claims, 'authorization_details'))
      if (!trace.holds('details', CLAUSE, details.ok, details.ok ? undefined : details.problem) || !details.ok)
        return deny('details_insufficient', details.ok ? '' : details.problem)
      const candidates = details.value.filter((detail) => own(detail, 'type') === rules.type)
      const types = details.value.slice(0, 32).map((detail) => own(detail, 'type'))
      if (!trace.holds('details type', CLAUSE, candidates.length > 0, types, rules.type))
        return deny('details_insufficient', 'no element of authorization_details has that type')
      const asked = readFields(fields, request)
      return asked.ok ? decide(candidates, rules, asked.value, request) : asked
    }
  },
})

/** Every field has to stand in one and the same element: two that grant half of it each grant nothing together. */
function decide(
  candidates: readonly JsonObject[],
  rules: DetailRules,
  fields: readonly FieldMatch[],
  { trace }: RoutedRequest,
): Result<Record<never, never>> {
  const judged = candidates.map((detail) => ({
    lists: compareLists(detail, rules),
    fields: fields.map((field) => compareField(detail, field)),
  }))
  const granting = judged.filter(({ lists }) => lists.every(({ holds }) => holds))
  const best = (granting.length > 0 ? granting : judged).reduce((one, other) => (held(other) > held(one) ? other : one))
  const every = [...best.lists, ...best.fields].map(({ check, holds, found, expected }) =>
    compared(check, CLAUSE, holds, found, expected),
  )
  if (trace.all(every)) return ok({})
  return granting.length > 0
    ? deny('details_mismatch', 'the request is not what authorization_details grants')
    : deny('details_insufficient', 'no element of authorization_details grants what the route asks for')
}

const held = (judged: { readonly lists: readonly Comparison[]; readonly fields: readonly Comparison[] }): number =>
  [...judged.lists, ...judged.fields].filter(({ holds }) => holds).length

type Field = Omit<FieldMatch, 'asked'> & { readonly where: Place }

/** What stands in the request; a denial when it could be read in two ways, or not at all. */
function readFields(fields: readonly Field[], request: RoutedRequest): Result<readonly FieldMatch[]> {
  const { attributes, parameters, trace } = request
  const needed = fields.some(({ where }) => where.in === 'body')
  const body = needed ? readJsonBody(attributes) : undefined
  if (body === 'truncated') {
    trace.holds('details request', CLAUSE, false, 'the beginning of the body', 'the whole body')
    return deny('details_body_truncated', 'Envoy sent only the beginning of the body')
  }
  const unusable = (problem: string): Denial => {
    trace.holds('details request', CLAUSE, false, problem)
    return deny('details_request_unusable', problem)
  }
  if (body && !body.ok) return unusable(body.problem)
  const read: FieldMatch[] = []
  for (const { where, ...field } of fields) {
    const value =
      where.in === 'body'
        ? bodyValue(body?.value ?? {}, where.names)
        : where.in === 'path'
          ? pathValue(parameters, where.name)
          : queryValue(attributes.query, where.name)
    if (!value.ok) return unusable(value.problem)
    read.push({ ...field, asked: value.value })
  }
  return ok(read)
}
