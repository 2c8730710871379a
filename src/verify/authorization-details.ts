import { isExactNumber, spellValue } from './claim-match.ts'
import { type Decimal, readDecimal } from './decimal.ts'
import { valueAt } from './json-pointer.ts'
import { type Reading, read, unreadable } from './reading.ts'
import { ExactNumber, isObject, type JsonObject, own } from './strict-json.ts'

/** How a field and a value of the request are compared: as they stand, as numbers, or as a limit and what is under it. */
export type Comparing = 'text' | 'decimal' | 'atMost'

/** One field of the details, and what stands in the request. */
export interface FieldMatch {
  readonly pointer: string
  readonly names: readonly string[]
  readonly as: Comparing
  readonly place: string
  readonly asked: unknown
}

/** What one element of `authorization_details` has to grant (RFC 9396 section 2). */
export interface DetailRules {
  readonly type: string
  readonly actions: readonly string[]
  readonly locations: readonly string[]
  readonly datatypes: readonly string[]
  readonly privileges: readonly string[]
  /** The `identifier` is one of these; empty: any. */
  readonly identifiers: readonly string[]
}

/** One comparison, as explanations show it. */
export interface Comparison {
  readonly check: `details ${string}`
  readonly holds: boolean
  readonly found: string
  readonly expected: string
}

/** Elements of the claim at the most. */
const MAX_DETAILS = 64

/** AZ-05: a list of objects that each have a type. One that is not makes the whole list unusable; nobody guesses. */
export function readDetails(claim: unknown): Reading<readonly JsonObject[]> {
  if (claim === undefined) return unreadable('the token has no authorization_details')
  if (!Array.isArray(claim)) return unreadable('authorization_details is not a list')
  if (claim.length > MAX_DETAILS) return unreadable('authorization_details has too many elements')
  const typed = claim.every((item): item is JsonObject => isObject(item) && typeof own(item, 'type') === 'string')
  return typed ? read(claim) : unreadable('an element of authorization_details is no object with a type')
}

const lists = ['actions', 'locations', 'datatypes', 'privileges'] as const

/** Whether the element grants what the route asks for, request aside. */
export function compareLists(detail: JsonObject, rules: DetailRules): readonly Comparison[] {
  const identifier = own(detail, 'identifier')
  return [
    ...lists
      .filter((name) => rules[name].length > 0)
      .map((name): Comparison => {
        const granted = own(detail, name)
        const holds = isListOfTexts(granted) && rules[name].every((wanted) => granted.includes(wanted))
        return {
          check: `details ${name}`,
          holds,
          found: spellValue(granted),
          expected: `all of ${rules[name].join(', ')}`,
        }
      }),
    ...(rules.identifiers.length === 0
      ? []
      : [
          {
            check: 'details identifier',
            holds: typeof identifier === 'string' && rules.identifiers.includes(identifier),
            found: spellValue(identifier),
            expected: `one of ${rules.identifiers.join(', ')}`,
          } as const,
        ]),
  ]
}

const isListOfTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

/** Whether a field of the element is what stands in the request (AZ-06). */
export function compareField(detail: JsonObject, { pointer, names, as, place, asked }: FieldMatch): Comparison {
  const granted = valueAt(detail, names)
  return {
    check: 'details match',
    holds: agrees(granted, asked, as),
    found: `${place} is ${asked instanceof ExactNumber ? asked.text.slice(0, 120) : spellValue(asked)}`,
    expected: `${as === 'atMost' ? 'up to ' : ''}${spellValue(granted)} of ${pointer}`,
  }
}

/** Nothing agrees with what is absent, empty, a list or an object. */
export function agrees(granted: unknown, asked: unknown, as: Comparing): boolean {
  if (as === 'text') {
    if (typeof granted === 'string') return granted !== '' && granted === asked
    if (typeof granted === 'boolean') return granted === asked
    return asked instanceof ExactNumber && isExactNumber(granted) && isSame(asDecimal(granted), asDecimal(asked))
  }
  const [limit, wanted] = [asDecimal(granted), asDecimal(asked)]
  if (as === 'decimal') return isSame(limit, wanted)
  return limit !== undefined && wanted !== undefined && wanted >= 0n && wanted <= limit
}

const isSame = (one: Decimal | undefined, other: Decimal | undefined): boolean => one !== undefined && one === other

/**
 * A text that is a number, a number as it is written, or a whole number of the token. A fraction that the token has as a
 * number has been through a float, so nobody knows any more what the server wrote.
 */
function asDecimal(value: unknown): Decimal | undefined {
  if (typeof value === 'string') return readDecimal(value)
  if (value instanceof ExactNumber) return readDecimal(value.text)
  return typeof value === 'number' && Number.isSafeInteger(value) ? readDecimal(String(value)) : undefined
}
