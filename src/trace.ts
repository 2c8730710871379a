/** One comparison a policy made: what was checked, where the rule stands, what was found and what was expected. */
export interface TraceEntry {
  readonly check: string
  /** The clause that asks for the check, for example `RFC 9449 section 4.3 (8)`. */
  readonly clause: string
  readonly result: 'pass' | 'fail'
  /** Never a token, proof, key or certificate: those are shown as nothing or as a hash. */
  readonly found?: unknown
  readonly expected?: unknown
}

/** One comparison of several that are made before any is judged. */
export const compared = (
  check: string,
  clause: string,
  holds: boolean,
  found?: unknown,
  expected?: unknown,
): TraceEntry => ({ check, clause, result: holds ? 'pass' : 'fail', found, expected })

/** That a policy ran, and when on the monotonic clock; seconds. */
export interface PolicyRun {
  readonly policy: string
  readonly begun: number
  readonly ended: number
}

/** The comparisons of one decision in the order they were made; read by the log, never by a verifier. */
export class Trace {
  readonly entries: TraceEntry[] = []
  readonly policies: PolicyRun[] = []

  /** Guards ask `holds`, so nobody may put another one in its place. */
  constructor() {
    Object.freeze(this)
  }

  /** Records the comparison and returns whether it holds, so a guard is one line. */
  holds(check: string, clause: string, condition: boolean, found?: unknown, expected?: unknown): boolean {
    this.entries.push({ check, clause, result: condition ? 'pass' : 'fail', found, expected })
    return condition
  }

  /** Records several comparisons, those that fail at the end, where explanations look; whether all hold. */
  all(comparisons: readonly TraceEntry[]): boolean {
    const failed = comparisons.filter(({ result }) => result === 'fail')
    this.entries.push(...comparisons.filter(({ result }) => result === 'pass'), ...failed)
    return failed.length === 0
  }

  /** Records that a policy ran. */
  ran(policy: string, begun: number, ended: number): void {
    this.policies.push({ policy, begun, ended })
  }
}
