import { z } from 'zod'
import { deny, ok } from '../denial.ts'
import { policyKind } from '../policy.ts'
import { compared } from '../trace.ts'
import { type ClaimRule, isExactNumber, matchesClaim, spellRule, spellValue } from '../verify/claim-match.ts'
import { MAX_POINTER, POINTER, pointerNames, valueAt } from '../verify/json-pointer.ts'
import { own } from '../verify/strict-json.ts'

const number = z.number().refine(isExactNumber, { error: 'a number that is exact, up to 2^53' })
const scalar = z.union([z.string().max(1024), number, z.boolean()])
const scalars = z.array(scalar).min(1).max(64)

const rule = z.union([
  scalar,
  scalars,
  z
    .strictObject({
      oneOf: scalars.optional(),
      allOf: scalars.optional(),
      anyOf: scalars.optional(),
      min: number.optional(),
      max: number.optional(),
    })
    .refine((rules) => Object.values(rules).some((one) => one !== undefined), {
      error: 'one or more of oneOf, allOf, anyOf, min, max',
    })
    .refine(({ min, max }) => min === undefined || max === undefined || min <= max, { error: 'a min up to max' }),
])

const isPointer = (text: string): boolean => text.length <= MAX_POINTER && POINTER.test(text)
const pointers = { error: 'JSON pointers as names, for example /tenant' }

const options = z.strictObject({
  /** What claims of the token have to be, by JSON pointer (RFC 6901): a value, a list of values, or a map of rules. */
  require: z
    .record(z.string(), rule)
    .refine((rules) => Object.keys(rules).every(isPointer), pointers)
    .refine((rules) => Object.keys(rules).length > 0 && Object.keys(rules).length <= 32, { error: '1 to 32 claims' }),
  /** Where tokens of an authorization server have a claim instead: by its name, then by the pointer above (compat only). */
  mapping: z
    .record(
      z.string(),
      z
        .record(z.string(), z.string().refine(isPointer, { error: 'a JSON pointer, for example /tenant' }))
        .refine((names) => Object.keys(names).every(isPointer), pointers),
    )
    .default({}),
})

export type ClaimsOptions = z.output<typeof options>

/** Claims of the token are what the route asks for, compared whole and with their types. */
export const claims = policyKind({
  options,
  needs: ['token', 'binding'],
  yields: [],
  create: ({ require, mapping }, _, { exceptions }) => {
    // Where there is no exception, claims go by no other name, whatever else the options say.
    const mapped = exceptions.has('claimMapping') ? mapping : {}
    const rules = Object.entries(require).map(([pointer, written]) => [pointer, readRule(written)] as const)
    return ({ trace }, { token }) => {
      const names = own(mapped, token.server) as Readonly<Record<string, string>> | undefined
      const comparisons = rules.map(([pointer, wanted]) => {
        const place = (names && (own(names, pointer) as string | undefined)) ?? pointer
        const value = valueAt(token.claims, pointerNames(place))
        const found = `${place} is ${spellValue(value)}`
        return compared('token claim', 'RFC 9068 section 4', matchesClaim(value, wanted), found, spellRule(wanted))
      })
      return trace.all(comparisons) ? ok({}) : deny('claims_insufficient', 'claims are not what the route asks for')
    }
  },
})

function readRule(written: z.output<typeof rule>): ClaimRule {
  if (Array.isArray(written)) return { oneOf: written }
  return typeof written === 'object' ? written : { oneOf: [written] }
}
