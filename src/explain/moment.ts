import { first, type Headers } from '../attributes.ts'
import { readJws } from '../verify/jws.ts'
import { own } from '../verify/strict-json.ts'
import type { Format } from './capture.ts'
import type { Setting } from './explanation.ts'
import { isoTime } from './values.ts'

/** A proof that is so many seconds away was captured at another time. */
const FAR = 60
/** Bytes of a proof or token that is looked at. */
const MAX_BYTES = 65_536

/**
 * When a captured request was made, by its proof or else its token, as far as it says so; seconds. Nothing is verified:
 * it only serves as advice.
 */
function claimedTime(headers: Headers): number | undefined {
  const proof = first(headers, 'dpop')
  const token = first(headers, 'authorization')?.replace(/^\S+ +/, '')
  for (const text of [proof, token]) {
    const jws = text === undefined ? undefined : readJws(text, MAX_BYTES)
    const issuedAt = jws?.ok ? own(jws.value.payload, 'iat') : undefined
    if (typeof issuedAt === 'number' && issuedAt >= 0 && issuedAt < 2 ** 40) return issuedAt
  }
  return undefined
}

/** A file with the certificate of the connection. */
export interface ShownCertificate {
  readonly pem: string
  /** How many certificates stand behind it. */
  readonly behind: number
}

/** What whoever captured a request should know. */
export interface CaptureContext {
  readonly headers: Headers
  readonly format: Format
  readonly now: number
  readonly certificate: ShownCertificate | undefined
  readonly setting: Setting
}

/** What may be different from the request that was really made. */
export function adviseCapture({ headers, format, now, certificate, setting }: CaptureContext): readonly string[] {
  const made = claimedTime(headers)
  const { source } = setting.config.clientCertificateFrom
  return [
    ...(made === undefined || Math.abs(made - now) <= FAR
      ? []
      : [
          `the request says that it was made at ${isoTime(made)} and is judged as of ${isoTime(now)}; to judge it as of then: --at ${isoTime(made)}`,
        ]),
    ...(format === 'har' && !headers.has('authorization')
      ? ['browsers leave Authorization out of HAR files unless told to export sensitive data']
      : []),
    ...(certificate !== undefined && source !== 'connection'
      ? [`--certificate is not looked at: clientCertificateFrom.source is ${source}`]
      : []),
    ...(certificate !== undefined && certificate.behind > 0 && source === 'connection' && asksForPaths(setting)
      ? [
          `--certificate: of the file the first certificate alone is looked at, as Envoy sends no others of a connection; what is missing below ca belongs into clientCertificate.intermediates`,
        ]
      : []),
    ...(format !== 'check' && certificate === undefined && source === 'connection'
      ? ['the capture holds no client certificate; --certificate FILE adds that of the connection']
      : []),
  ]
}

const asksForPaths = ({ config }: CaptureContext['setting']): boolean =>
  config.routes.some(({ policies }) => policies.some(({ name }) => name === 'clientCertificate'))
