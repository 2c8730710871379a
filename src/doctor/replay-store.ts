import { type Finding, finding, fine } from './findings.ts'
import { judgeClock } from './outside.ts'

/** What Redis said of itself after it did all that the service asks of it. Milliseconds. */
export interface StoreObservation {
  readonly took: number
  /** Its clock against ours: positive when it is ahead. */
  readonly skew: number
  readonly policy: string
  /** `maxmemory` in bytes; 0: no limit. */
  readonly memory: number
}

const TRIED = 'replay store'

/** The store did not answer, or not as it has to. */
export const judgeSilence = (problem: string): readonly Finding[] => [finding('DR-16', TRIED, problem)]

/** What has to be told of several nodes: of each number the worst. */
export const worstOf = (nodes: readonly StoreObservation[]): StoreObservation => ({
  took: Math.max(...nodes.map(({ took }) => took)),
  skew: nodes.reduce((worst, { skew }) => (Math.abs(skew) > Math.abs(worst) ? skew : worst), 0),
  policy: nodes.find(({ policy }) => policy !== 'noeviction')?.policy ?? 'noeviction',
  memory: Math.min(...nodes.map(({ memory }) => memory)),
})

export function judgeStore({ took, skew, policy, memory }: StoreObservation, timeout: number): readonly Finding[] {
  const time = `${Math.round(took)} ms`
  const late = took > timeout
  return [
    late
      ? finding('DR-16', TRIED, `it answers in ${time}, and stores.replay.timeout is ${timeout} ms`)
      : fine(TRIED, `answers in ${time}, and its user may do what is needed`),
    policy === 'noeviction'
      ? fine(`${TRIED}: maxmemory-policy`, policy)
      : finding('DR-17', `${TRIED}: maxmemory-policy`, policy),
    ...(memory === 0 ? [finding('DR-18', `${TRIED}: maxmemory`, 'there is no limit')] : []),
    judgeClock(`clock of the ${TRIED}`, skew),
  ]
}
