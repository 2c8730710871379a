import type { Nonces } from '../../src/ports.ts'
import { buildNonces, type NonceSecret } from '../../src/verify/nonce.ts'

/** Secrets as `openssl rand -base64 32` makes them. Nobody else uses these. */
export const secretOf = {
  first: 'kq0Jv1m7cXn2PzY5hR8tLw3sGd6fBa9eUi4oQxZyTjE',
  second: 'V7bN3mK1pQ9sW5xE2cR8vT4yU6iO0aZlDgFhJkLqMnB',
  third: 'Zr4Tq8Yw2Up6Io0Pa5Sd9Fg3Hj7Kl1Mx4Cn8Vb2Nm6Q',
} as const

export const STEP = 60

/** Known since long ago. */
export const settled = (secret: string): NonceSecret => ({ secret, since: -1e6 })

/** Nonces of secrets that have been known for long, one unless told. */
export const nonceMaker = (...secrets: readonly string[]): Nonces =>
  buildNonces({
    secrets: (secrets.length === 0 ? [secretOf.first] : secrets).map(settled),
    step: STEP,
    monotonic: () => 0,
  })
