import { isObject } from './strict-json.ts'

type Scalar = string | number | boolean

/** What a claim has to be. All that is there has to hold. */
export interface ClaimRule {
  /** It is one of these, of the same type and, as a text, in the same spelling. */
  readonly oneOf?: readonly Scalar[] | undefined
  /** It is a list that holds all of these. */
  readonly allOf?: readonly Scalar[] | undefined
  /** It is a list that holds at least one of these. */
  readonly anyOf?: readonly Scalar[] | undefined
  /** It is a number, not below and not above. */
  readonly min?: number | undefined
  readonly max?: number | undefined
}

/** Whether a claim is what it has to be. A claim that is absent, or of another type, never is. */
export function matchesClaim(value: unknown, { oneOf, allOf, anyOf, min, max }: ClaimRule): boolean {
  if (oneOf && !(isScalar(value) && oneOf.includes(value))) return false
  if (allOf && !(isListOfScalars(value) && allOf.every((wanted) => value.includes(wanted)))) return false
  if (anyOf && !(isListOfScalars(value) && anyOf.some((wanted) => value.includes(wanted)))) return false
  if (min !== undefined && !(isExactNumber(value) && value >= min)) return false
  if (max !== undefined && !(isExactNumber(value) && value <= max)) return false
  return [oneOf, allOf, anyOf, min, max].some((rule) => rule !== undefined)
}

/** Beyond 2^53 several numbers of a document are the same number here, so none of them is compared. */
export const isExactNumber = (value: unknown): value is number =>
  typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER

const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'string' || typeof value === 'boolean' || isExactNumber(value)

/** A list with anything else in it is not the list that was agreed on. */
const isListOfScalars = (value: unknown): value is readonly Scalar[] => Array.isArray(value) && value.every(isScalar)

/** A value as explanations show it, 120 characters at the most. */
export function spellValue(value: unknown): string {
  if (value === undefined) return 'absent'
  if (isObject(value)) return 'an object'
  const text = JSON.stringify(value)
  return text.length > 120 ? `${text.slice(0, 119)}…` : text
}

/** A rule as explanations show it. */
export function spellRule({ oneOf, allOf, anyOf, min, max }: ClaimRule): string {
  const list = (values: readonly Scalar[]): string => values.map(spellValue).join(', ')
  return [
    oneOf && (oneOf.length === 1 ? list(oneOf) : `one of ${list(oneOf)}`),
    allOf && `a list with all of ${list(allOf)}`,
    anyOf && `a list with any of ${list(anyOf)}`,
    min !== undefined && `at least ${min}`,
    max !== undefined && `at most ${max}`,
  ]
    .filter((part) => typeof part === 'string')
    .join(' and ')
}
