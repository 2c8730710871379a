import type { Metrics } from '../metrics.ts'
import { observeCrls, observeOcsp } from './certificate-observation.ts'
import type { AuthoritiesSurroundings } from './client-authorities.ts'
import { getBytes, postBytes } from './fetch-bytes.ts'
import type { Log } from './log.ts'
import type { Revocations } from './ocsp-answers.ts'
import type { Outbound } from './outbound.ts'

/** What outlives a configuration: where calls may go now, and what was revoked. */
interface Kept {
  readonly outbound: Outbound
  readonly revokedCertificates: Revocations
}

/** How lists are fetched and responders asked, and who is told of it. Seconds. */
export const askingForStatus = ({
  memory,
  metrics,
  log,
  wall,
  monotonic,
  alone,
}: {
  readonly memory: Kept
  readonly metrics: Metrics
  readonly log: Log
  readonly wall: () => number
  readonly monotonic: () => number
  readonly alone: boolean | undefined
}): AuthoritiesSurroundings => ({
  crls: {
    get: (url, limits) => getBytes(url, { ...limits, ...memory.outbound }),
    ...{ wall, monotonic, observe: observeCrls(metrics, log) },
  },
  ocsp: {
    post: (url, question) => postBytes(url, { ...question, ...memory.outbound }),
    ...{ wall, monotonic, observe: observeOcsp(metrics, log), revocations: memory.revokedCertificates },
  },
  tolerated: () => metrics.statusTolerated.inc(),
  monotonic,
  alone,
})
