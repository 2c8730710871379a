/** A decimal number without float: the number times 10^30. */
export type Decimal = bigint

const FRACTION = 30

/**
 * A number as RFC 8259 section 6 writes it, without exponent, up to 30 digits on either side of the point; undefined
 * when it is anything else. `007`, `+7`, `7.`, `1e2` are no numbers here: somebody else may read them otherwise.
 */
export function readDecimal(text: string): Decimal | undefined {
  const [, sign, whole, fraction = ''] = /^(-?)(0|[1-9][0-9]{0,29})(?:\.([0-9]{1,30}))?$/.exec(text) ?? []
  if (whole === undefined) return undefined
  const digits = BigInt(whole + fraction.padEnd(FRACTION, '0'))
  return sign === '-' ? -digits : digits
}
