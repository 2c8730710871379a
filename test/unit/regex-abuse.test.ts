import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterAll, describe, expect, test } from 'vitest'
import { loopsOf } from '../support/regex-inputs.ts'
import { builtExpressions, type Literal, literalsOf, productLiterals } from '../support/regex-literals.ts'
import type { Trial } from '../support/regex-worker.ts'

/** Milliseconds. Far more than an expression takes that goes straight through, whatever the machine. */
const WATCHDOG = 20_000
/** What a client can fill is tried with as much as half a Check: beyond linear time there is no end in sight. */
const CLIENT = 524_288
/** What only the operator writes (configuration, manifests, command line) may take a look from each character. */
const OPERATOR = 4096
const operators = /^src\/(?:(?:cli|doctor|init|lint)\/|config-|path-template|testing|io\/interpolation)/
const sizeFor = (file: string): number => (operators.test(file) ? OPERATOR : CLIENT)

const start = (): Worker => new Worker(new URL('../support/regex-worker.ts', import.meta.url))
let worker = start()
afterAll(() => worker.terminate())

/** Whether the expression gets to the end of every text that could send it back and forth. */
async function ends({ source, flags, file }: Literal, watchdog = WATCHDOG): Promise<boolean> {
  const texts = loopsOf(source).flatMap(({ before, rounds }) =>
    [...rounds, rounds.join('')].flatMap((round) =>
      ['\0', '\n', '\u00ff!'].flatMap((after) => [
        { before, round, after },
        { before: '', round: before + round, after },
      ]),
    ),
  )
  worker.postMessage({ source, flags, texts, size: sizeFor(file) } satisfies Trial)
  const timeout = AbortSignal.timeout(watchdog)
  try {
    await once(worker, 'message', { signal: timeout })
    return true
  } catch {
    await worker.terminate()
    worker = start()
    return false
  }
}

describe('regex-abuse: no text makes an expression of the product go back and forth', () => {
  const literals = productLiterals()
  test('the product has expressions, and all are found', () => {
    const text =
      "const a = /'x'/g // not /this/\nif (/[/\"]+/.test(b / 2 / c)) return /d\\/e/\nimport './f/g/h.ts'\n`/i/`"
    expect(literalsOf(text).map(({ source }) => source)).toEqual(["'x'", '[/"]+', 'd\\/e'])
    expect(literals.length).toBeGreaterThan(100)
  })
  test('each gets to the end', async () => {
    const stuck: Literal[] = []
    for (const literal of literals) if (!(await ends(literal))) stuck.push(literal)
    expect(stuck).toEqual([])
  })
  test('those built at run time are known: from spelled letters, from a value that is escaped, from an own bootstrap', () =>
    expect(builtExpressions()).toEqual([
      'src/io/config-file.ts',
      'src/lint/envoy-parts.ts',
      'src/verify/credentials.ts',
    ]))

  test.each(['^(?:a+)+$', '^(?:[a-z]|[a-f0-9])*!$', '[0-9]+$', '\\{[^}]*\\}'])('%s would be found', async (source) => {
    expect(await ends({ source: '^a+$', flags: '', file: '' })).toBe(true)
    expect(await ends({ source, flags: '', file: '' }, 1000)).toBe(false)
  })
})
