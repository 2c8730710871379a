import type { Arbitrary } from 'fast-check'

/** A member name in JSON text that is spelled with an escape. */
const ESCAPED_NAME = /"(?:[^"\\]|\\.)*\\.(?:[^"\\]|\\.)*":/

/** Values without member names that need an escape in JSON: tokens and proofs with one are refused for that alone. */
export const unescaped = <T>(values: Arbitrary<T>): Arbitrary<T> =>
  values.filter((value) => !ESCAPED_NAME.test(JSON.stringify(value)))
