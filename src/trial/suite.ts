import type { Config } from '../config.ts'
import type { Cases } from './cases-schema.ts'
import { runCase, type StepResult } from './run-case.ts'
import { buildWorld } from './world.ts'

/** How one case ended. */
export interface CaseResult {
  readonly name: string
  /** Its index among the cases of the file. */
  readonly index: number
  readonly ok: boolean
  readonly steps: readonly StepResult[]
}

/** How the cases of one file ended. */
export interface SuiteResult {
  readonly file: string
  readonly cases: readonly CaseResult[]
  /** Routes no request came to. */
  readonly unreached: readonly string[]
}

/** So many cases in a row; then whoever waits gets a turn. */
const TURN = 50

/** Runs the cases whose names hold the text. Each starts anew, so leaving some out changes nothing for the others. */
export async function runSuite(file: string, cases: Cases, config: Config, filter = ''): Promise<SuiteResult> {
  const world = buildWorld(config, cases)
  const results: CaseResult[] = []
  const reached = new Set<string>()
  for (const [index, one] of cases.cases.entries()) {
    if (!one.name.includes(filter)) continue
    const steps = await runCase(one, cases, world)
    for (const { outcome } of steps) reached.add(outcome.route)
    results.push({ name: one.name, index, steps, ok: steps.every(({ differences }) => differences.length === 0) })
    if (results.length % TURN === 0) await new Promise(setImmediate)
  }
  return { file, cases: results, unreached: config.routes.map(({ name }) => name).filter((name) => !reached.has(name)) }
}
